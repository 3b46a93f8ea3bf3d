//! What the system's service manager is told, as systemd's `Type=notify` wants it; without one, nothing.

use sd_notify::NotifyState;

/// The process serves.
pub fn is_ready() {
    tell(NotifyState::Ready);
}

/// The process finishes what is under way.
pub fn is_stopping() {
    tell(NotifyState::Stopping);
}

/// A manager that does not listen is its own trouble, and is said by it.
fn tell(state: NotifyState<'_>) {
    let _ = sd_notify::notify(&[state]);
}
