//! Tests that act as users, and the suite that every store passes. One binary, so that linking
//! stays cheap.

mod store;
