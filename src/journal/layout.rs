//! What the files of a run are called.

/// What the run was asked to do.
pub(super) const HEADER: &str = "run.json";
/// The events of the run.
pub(super) const EVENTS: &str = "events.jsonl";
/// Held while a process writes the run.
pub(super) const LOCK: &str = "lock";
