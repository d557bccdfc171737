//! anyloop on smol.
