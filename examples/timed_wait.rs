//! Waits for two seconds by the clock of the event loop. Under the simulated clock that takes no time.

mod common;

use std::io;
use std::time::Duration;

use anyloop::Runtime;
use anyloop::core::driver::block_on;

pub(crate) async fn timed_wait<R: Runtime>(rt: R, mut print: impl FnMut(String)) {
    print(format!("wait for 2 seconds at {}", time_of_day(rt.now().unix_secs)));
    rt.sleep(Duration::from_secs(2)).await;
    print(format!("waited for 2 seconds at {}", time_of_day(rt.now().unix_secs)));
}

/// Writes the time of day in UTC.
fn time_of_day(unix_secs: u64) -> String {
    let (hours, minutes, seconds) = (unix_secs / 3600 % 24, unix_secs / 60 % 60, unix_secs % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}")
}

fn main() -> io::Result<()> {
    let args = common::args()?;
    common::on_backend!(args.backend, R => {
        block_on(|rt: R| timed_wait(rt, |line| println!("{line}")))
    })
}
