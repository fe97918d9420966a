//! Reading nodes' logs, many at a time, multiplexed into one stream.
