//! An answer that takes its time.

use core::time::Duration;

use anyloop::Request;
use anyloop::core::driver::SharedRuntime;

use super::number::{self, OutOfRange};

const MAX_MILLIS: u64 = 10_000;

/// Makes the handler. While it waits, nobody else does.
pub(super) fn handler<R: SharedRuntime>(
    rt: R,
) -> impl Fn(Request) -> std::pin::Pin<Box<dyn Future<Output = Result<String, OutOfRange>> + Send>>
+ Send
+ Sync
+ 'static {
    move |request| {
        let rt = rt.clone();
        Box::pin(async move {
            let millis = number::param(&request, "ms", MAX_MILLIS)?;
            rt.sleep(Duration::from_millis(millis)).await;
            Ok(format!("waited for {millis} ms\n"))
        })
    }
}
