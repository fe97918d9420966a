//! Running commands in nodes, many at a time, with an outcome for every node.
