//! The one reference to a connection that its requests borrow, one after the other.
//!
//! A request may outlive its connection, so it holds a counted reference. Counting is the dearest step of a small request:
//! two writes that all cores agree upon. So a connection keeps a second reference, and while it is polled the request that
//! is dropped on its thread hands that on to the next one. What is dropped elsewhere or later is counted as usual.

use core::cell::Cell;

use alloc::sync::Arc;

use super::Connection;

/// What the thread knows of the connection that it polls.
struct Loan {
    /// The address of that connection; 0 where none is polled.
    of: Cell<usize>,
    /// The reference, when no request has it.
    free: Cell<Option<Arc<Connection>>>,
}

std::thread_local! {
    static LOAN: Loan = const { Loan { of: Cell::new(0), free: Cell::new(None) } };
}

fn address(connection: &Arc<Connection>) -> usize {
    Arc::as_ptr(connection).addr()
}

/// Begins to lend: the connection is polled. `kept` is what [`end`] returned the last time.
#[inline]
pub(crate) fn begin(connection: &Arc<Connection>, kept: Option<Arc<Connection>>) {
    let _thread_ends = LOAN.try_with(|loan| {
        loan.of.set(address(connection));
        loan.free.set(kept);
    });
}

/// Ends to lend, and returns the reference where no request has it.
#[inline]
pub(crate) fn end() -> Option<Arc<Connection>> {
    let free = LOAN.try_with(|loan| {
        loan.of.set(0);
        loan.free.take()
    });
    free.ok().flatten()
}

/// Returns a reference for a request.
#[inline]
pub(crate) fn borrow(connection: &Arc<Connection>) -> Arc<Connection> {
    let free = LOAN.try_with(|loan| loan.free.take()).ok().flatten();
    free.filter(|free| Arc::ptr_eq(free, connection)).unwrap_or_else(|| Arc::clone(connection))
}

/// Takes the reference of a request that is dropped.
#[inline]
pub(super) fn give_back(connection: Arc<Connection>) {
    let _thread_ends = LOAN.try_with(|loan| {
        if loan.of.get() == address(&connection) {
            loan.free.set(Some(connection));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Peer;
    use crate::service::Scheme;

    fn connection() -> Arc<Connection> {
        Connection::new(Peer::Unix(None), Peer::Unix(None), Scheme::Http, false)
    }

    #[test]
    fn one_reference_goes_from_request_to_request_and_is_kept() {
        let one = connection();
        begin(&one, None);
        for _ in 0..3 {
            let lent = borrow(&one);
            assert_eq!(Arc::strong_count(&one), 2);
            give_back(lent);
        }
        let kept = end();
        assert_eq!((kept.is_some(), Arc::strong_count(&one)), (true, 2));
        begin(&one, kept);
        let (first, second) = (borrow(&one), borrow(&one));
        assert_eq!(Arc::strong_count(&one), 3);
        give_back(first);
        give_back(second);
        assert_eq!(Arc::strong_count(&one), 2);
        drop(end());
        assert_eq!(Arc::strong_count(&one), 1);
    }

    #[test]
    fn what_comes_back_late_or_to_another_connection_is_dropped() {
        let (one, other) = (connection(), connection());
        begin(&one, None);
        let late = borrow(&one);
        assert!(end().is_none());
        begin(&other, None);
        give_back(late);
        let lent = borrow(&other);
        assert!(Arc::ptr_eq(&lent, &other));
        give_back(lent);
        // Polled within the poll of another.
        begin(&one, None);
        let inner = borrow(&one);
        assert!(Arc::ptr_eq(&inner, &one));
        give_back(inner);
        drop(end());
        assert!(end().is_none());
        assert_eq!((Arc::strong_count(&one), Arc::strong_count(&other)), (1, 1));
    }
}
