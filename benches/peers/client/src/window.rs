//! A window of time in which requests and CPU time are counted.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Connections are made and caches are warm after so long.
const WARM: Duration = Duration::from_millis(300);

/// What a window showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    /// Microseconds of CPU of the whole process for a request.
    pub(crate) cpu: f64,
}

/// What the tasks of a client share.
pub(crate) struct Window {
    over: AtomicBool,
    requests: AtomicU64,
    alive: AtomicUsize,
    failed: Mutex<Option<Failure>>,
}

impl Window {
    pub(crate) fn new(tasks: usize) -> Arc<Self> {
        Arc::new(Self {
            over: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            alive: AtomicUsize::new(tasks),
            failed: Mutex::new(None),
        })
    }

    pub(crate) fn goes_on(&self) -> bool {
        !self.over.load(Relaxed)
    }

    pub(crate) fn count(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(crate) fn leave(&self, result: Result<(), Failure>) {
        if let Err(error) = result {
            *self.failed.lock().unwrap() = Some(error);
        }
        self.alive.fetch_sub(1, Relaxed);
    }

    /// Measures for a time, then waits for all tasks to end. A request that failed fails the whole.
    pub(crate) async fn measure<S: Future>(
        &self,
        time: Duration,
        sleep: impl Fn(Duration) -> S,
    ) -> Result<Sample, Failure> {
        sleep(WARM).await;
        let (began, requests, cpu) = (Instant::now(), self.requests.load(Relaxed), cpu());
        sleep(time).await;
        let (took, requests) = (began.elapsed(), self.requests.load(Relaxed) - requests);
        let cpu = self::cpu() - cpu;
        self.over.store(true, Relaxed);
        while self.alive.load(Relaxed) > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        if let Some(failed) = self.failed.lock().unwrap().take() {
            return Err(failed);
        }
        let count = requests as f64;
        Ok(Sample { per_second: count / took.as_secs_f64(), cpu: cpu.as_secs_f64() * 1e6 / count })
    }
}

/// The CPU time that all threads of this process have used.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
