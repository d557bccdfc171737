//! anyloop on async-std.
