//! Starting and stopping coordinator and agent as processes of this machine.
