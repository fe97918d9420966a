//! Process nodes: started through the shim, found again, stopped whole.
