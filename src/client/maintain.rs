//! Closing idle connections in time.

use core::future::poll_fn;
use core::hash::Hash;
use core::pin::pin;
use core::task::Poll;

use anyloop_core::driver::Runtime;

use super::pool::WeakPool;

/// Sleeps until an idle connection's time is over, and closes it; ends when the pool is gone.
pub(crate) async fn run<R, K, T>(runtime: R, pool: WeakPool<K, T>)
where
    R: Runtime,
    K: Clone + Eq + Hash,
{
    while let Some(at) = poll_fn(|cx| match pool.upgrade() {
        Some(pool) => pool.poll_expiry(cx).map(Some),
        None => Poll::Ready(None),
    })
    .await
    {
        let mut sleep = pin!(runtime.sleep(at.saturating_since(runtime.now().mono)));
        poll_fn(|cx| sleep.as_mut().poll(cx)).await;
        if let Some(pool) = pool.upgrade() {
            pool.sweep(runtime.now().mono);
        }
    }
}
