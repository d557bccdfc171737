//! anyloop on tokio.
