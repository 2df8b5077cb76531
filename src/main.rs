//! The pinboot command.

fn main() {}
