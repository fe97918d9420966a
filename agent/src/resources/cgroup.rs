//! Control groups, v1 and v2: limits for processes, figures for all nodes.
