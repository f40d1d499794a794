//! The stream: what happens, in its order, to whom it concerns.

mod ends;
mod order;
mod resume;
