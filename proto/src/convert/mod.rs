//! Conversions between the wire's messages and `throng-common`. Decoding names the field that is wrong.
