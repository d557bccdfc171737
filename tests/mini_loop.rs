//! The event loop of the example `mini_loop` does what the others do.

#![cfg(unix)]

#[path = "../examples/mini_loop/event_loop.rs"]
mod event_loop;
#[allow(dead_code, reason = "a part is for loops of several threads")]
#[path = "conformance/harness.rs"]
mod harness;
#[path = "conformance/io.rs"]
mod io;
#[path = "../examples/mini_loop/runtime.rs"]
mod runtime;
#[path = "../examples/mini_loop/socket.rs"]
mod socket;
#[path = "conformance/time.rs"]
mod time;

macro_rules! scenarios {
    ($($module:ident::$scenario:ident),* $(,)?) => {
        $(#[test] fn $scenario() {
            harness::run_local::<event_loop::EventLoop, _>($module::$scenario::<event_loop::EventLoop>);
        })*
    };
}

scenarios! {
    time::a_timer_fires_not_before_its_last_instant,
    time::a_timer_can_be_set_earlier_while_it_waits,
    time::a_timer_can_be_set_again_after_it_fired,
    time::sleeps_end_in_order,
    time::blocking_work_runs_elsewhere_and_gives_its_value,
    time::a_panic_in_blocking_work_is_a_value,
    io::a_refused_connection_is_an_error,
    io::accepted_connections_know_both_addresses,
    io::unix_sockets_carry_bytes_and_addresses,
    io::connecting_carries_bytes,
    io::a_large_answer_survives_a_slow_reader,
    io::a_large_upload_survives_small_limits,
    io::the_end_of_the_peers_side_leaves_ours_open,
    io::a_reset_is_an_error,
    io::a_waiting_read_reserves_nothing,
}
