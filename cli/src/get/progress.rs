//! Bars on stderr, where that is a terminal.

use core::fmt;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar for each download under way.
#[derive(Debug)]
pub(super) struct Progress {
    bars: MultiProgress,
    /// How many downloads are done, where there are several.
    done: Option<ProgressBar>,
}

impl Progress {
    /// Makes it for so many downloads. indicatif draws nothing where stderr is no terminal.
    pub(super) fn new(quiet: bool, count: usize) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bars = MultiProgress::with_draw_target(target);
        let done = (count > 1).then(|| {
            let bar = ProgressBar::new(count as u64).with_style(style("{wide_bar} {pos}/{len}"));
            bars.add(bar)
        });
        Self { bars, done }
    }

    /// Shows a download.
    pub(super) fn begin(&self, name: String) -> Bar<'_> {
        let bar = ProgressBar::no_length().with_message(name);
        let bar = match &self.done {
            Some(done) => self.bars.insert_before(done, bar),
            None => self.bars.add(bar),
        };
        Bar { of: self, bar }
    }

    /// Counts one more as done, well or not.
    pub(super) fn count(&self) {
        if let Some(done) = &self.done {
            done.inc(1);
        }
    }

    /// Prints a line on stderr above the bars.
    pub(super) fn say(&self, line: impl fmt::Display) {
        self.bars.suspend(|| eprintln!("{line}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(done) = &self.done {
            done.finish_and_clear();
        }
    }
}

/// The bar of one download, until it is dropped.
#[derive(Debug)]
pub(super) struct Bar<'a> {
    of: &'a Progress,
    bar: ProgressBar,
}

impl Bar<'_> {
    /// Says how many bytes are there, and how many there will be.
    pub(super) fn start(&self, held: u64, total: Option<u64>) {
        self.bar.set_style(style(match total {
            Some(_) => "{msg:24!} {wide_bar} {bytes:>10} of {total_bytes:10} {bytes_per_sec:>12} {eta:>4}",
            None => "{msg:24!} {bytes:>10} {bytes_per_sec:>12}",
        }));
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(held);
        self.bar.reset_eta();
    }

    pub(super) fn add(&self, bytes: usize) {
        self.bar.inc(bytes as u64);
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.of.bars.remove(&self.bar);
    }
}

/// Templates stand in this file, and a test reads them all.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
