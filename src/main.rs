//! The program: it parses its arguments and runs one command.

fn main() {}
