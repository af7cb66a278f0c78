//! The operator's commands and the control socket.
