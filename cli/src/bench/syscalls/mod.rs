//! [`Syscalls`]: system calls of two processes, counted by the kernel.
//!
//! Counting by ourselves would only show what we think that we do.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
mod platform;

pub(super) use platform::Syscalls;
