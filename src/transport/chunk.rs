//! What comes back from a command.

/// What a command sends back.
#[derive(Debug)]
pub enum Chunk {
    /// Bytes of its standard output.
    Stdout(Vec<u8>),
    /// Bytes of its standard error.
    Stderr(Vec<u8>),
    /// Its exit status, or the name of the signal that killed it. Output may still follow.
    Exit(Result<u32, String>),
    /// The command's channel is closed; nothing follows.
    Closed,
    /// The connection is lost, for this reason; the command may still be running.
    Lost(String),
}
