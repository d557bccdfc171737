//! The scenarios of a suite as tests.

/// Makes a test of each scenario for each event loop and worker model.
macro_rules! scenarios {
    ($($module:ident::$scenario:ident),* $(,)?) => {
        scenarios!(@backend on_tokio, Tokio; $($module::$scenario),*);
        scenarios!(@backend on_smol, Smol; $($module::$scenario),*);
        scenarios!(@backend on_async_std, AsyncStd; $($module::$scenario),*);
    };
    (@backend $name:ident, $backend:ty; $($module:ident::$scenario:ident),*) => {
        mod $name {
            use super::*;
            mod local {
                use super::*;
                $(#[test] fn $scenario() {
                    harness::run_local::<$backend, _>($module::$scenario::<$backend>);
                })*
            }
            mod shared {
                use super::*;
                $(#[test] fn $scenario() {
                    harness::run_shared::<$backend>(|rt| Box::pin($module::$scenario(rt)));
                })*
            }
        }
    };
}
