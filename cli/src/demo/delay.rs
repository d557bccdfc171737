//! An answer that takes its time.

use core::time::Duration;

use anyloop::{Request, Runtime};

use super::number::{self, OutOfRange};

const MAX_MILLIS: u64 = 10_000;

/// Answers after so many milliseconds. While it waits, nobody else does.
pub(super) async fn answer<R: Runtime>(rt: R, request: Request) -> Result<String, OutOfRange> {
    let millis = number::param(&request, "ms", MAX_MILLIS)?;
    rt.sleep(Duration::from_millis(millis)).await;
    Ok(format!("waited for {millis} ms\n"))
}
