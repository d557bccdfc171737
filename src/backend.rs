//! One module for each event loop, all alike.

macro_rules! backend {
    ($(#[$doc:meta])* $module:ident, $feature:literal, $package:ident::$runtime:ident) => {
        $(#[$doc])*
        ///
        /// ```no_run
        /// use anyloop::{Request, Router};
        ///
        #[doc = concat!("let server = anyloop::bind(\"127.0.0.1:8888\")?;\nanyloop::", stringify!($module),
            "::serve(server, Router::new().get(\"/\", |_: Request| \"hello\"))?.wait_closed()")]
        /// # ; Ok::<(), std::io::Error>(())
        /// ```
        #[cfg(feature = $feature)]
        pub mod $module {
            use std::io;

            use anyloop_core::driver::Serving;
            use anyloop_core::server::{MakeService, Server};
            use anyloop_core::service::Service;

            pub use $package::$runtime;

            /// The runtime: what handlers sleep, open files and connect with.
            pub type Runtime = $runtime;

            /// Serves an application whose handlers are `Send`, in either worker model, on threads of its own. Returns
            /// when all workers listen.
            ///
            /// `app` is a [`Router`](crate::Router), or a closure that makes one: `|rt| app(rt)`, called once for each
            /// event loop.
            ///
            /// # Errors
            /// When a thread or an event loop can't start, or the system gives no more sockets.
            pub fn serve<A, M>(server: Server, app: A) -> io::Result<Serving>
            where
                A: MakeService<Runtime, M, Service: Service<Running: Send> + Send> + Send + Sync + 'static,
            {
                server.serve::<Runtime, A, M>(app)
            }

            /// Serves an application whose handlers may be `!Send`, one event loop a core, on threads of its own.
            /// Returns when all workers listen.
            ///
            /// `factory` makes it, `|| app()` or `|rt| app(rt)`, once for each worker, on its thread.
            ///
            /// # Errors
            /// As of [`serve`]; and `InvalidInput` when the model is [`Model::Stealing`](crate::Model::Stealing).
            pub fn serve_local<A, M>(server: Server, factory: A) -> io::Result<Serving>
            where
                A: MakeService<Runtime, M> + Send + Sync + 'static,
            {
                server.serve_local::<Runtime, A, M>(factory)
            }

            /// Runs an event loop on this thread until the future that `make` returns is done, and returns its output.
            ///
            /// # Errors
            /// When the event loop can't start.
            pub fn block_on<F: Future>(make: impl FnOnce(Runtime) -> F) -> io::Result<F::Output> {
                anyloop_core::driver::block_on(make)
            }
        }
    };
}

backend! {
    /// Serving on tokio.
    tokio, "tokio", anyloop_tokio::Tokio
}
backend! {
    /// Serving on smol.
    smol, "smol", anyloop_smol::Smol
}
backend! {
    /// Serving on async-std, which is discontinued (RUSTSEC-2025-0052); smol is its successor.
    async_std, "async-std", anyloop_async_std::AsyncStd
}
