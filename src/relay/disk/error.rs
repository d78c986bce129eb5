use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A folder cannot be opened as a [`DiskLog`](crate::relay::DiskLog), or reading or writing in it failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskLogError {
    /// Another process has the folder open, or another log of this process.
    #[error("{} is in use by {}", folder.display(), owner(*process))]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The ID of the process that has it open, if the lock file says it.
        process: Option<u32>,
    },
    /// A file says something else than what was acknowledged, or is missing.
    ///
    /// [`DiskLogOptions::repair`](crate::relay::DiskLogOptions::repair) goes on without the events that are lost.
    #[error("{} is damaged at byte {offset}: {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The first byte that is wrong, or the length of a file that ends too early.
        offset: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// There is no room on the disk, or the process may not write more. Once there is room, publishing goes on.
    #[error("no room on the disk: cannot {doing} {}", path.display())]
    NoRoom {
        /// What was about to be done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The system refused to read or write.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was about to be done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// An event does not fit into the log.
    #[error("the event takes {bytes} bytes, of at most {max}")]
    TooLarge {
        /// The bytes that it takes.
        bytes: u64,
        /// The bytes that it may take.
        max: u64,
    },
    /// The thread that writes has ended, or the runtime is about to.
    #[error("the log is closed")]
    Closed,
}

fn owner(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".into(), |process| format!("process {process}"))
}

impl DiskLogError {
    /// Makes an error of an attempt to do something with a file or folder.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            let source = Arc::new(source);
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    Self::NoRoom { doing, path, source }
                }
                _ => Self::Io { doing, path, source },
            }
        }
    }

    pub(super) fn damaged(file: &Path, offset: u64, reason: &'static str) -> Self {
        Self::Damaged { file: file.to_owned(), offset, reason }
    }

    /// Returns whether a file was not there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
