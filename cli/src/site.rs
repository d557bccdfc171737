//! What is served.

use std::path::PathBuf;

use anyloop::files::Files;
use anyloop::{Router, SharedRuntime};

use crate::demo;

/// What is served.
#[derive(Clone, Debug)]
pub(crate) enum Site {
    /// The demo application.
    Demo,
    /// The files of a directory.
    Files(PathBuf),
    /// The demo application in front of the files of a directory.
    DemoAndFiles(PathBuf),
}

impl Site {
    /// Makes the application.
    ///
    /// # Panics
    /// When the directory is gone since it was looked for.
    pub(crate) fn app<R: SharedRuntime>(&self, rt: R) -> Router {
        match self {
            Self::Demo => demo::app(rt),
            Self::Files(root) => {
                let files = open(rt, root);
                Router::new().get("/", files.handler()).get("/{*path}", files.handler())
            }
            Self::DemoAndFiles(root) => {
                let files = open(rt.clone(), root);
                demo::routes(rt).get("/{*path}", files.handler())
            }
        }
    }
}

fn open<R: SharedRuntime>(rt: R, root: &PathBuf) -> Files<R> {
    match Files::new(rt, root) {
        Ok(files) => files,
        Err(error) => panic!("{}: {error}", root.display()),
    }
}
