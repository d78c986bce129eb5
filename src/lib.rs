//! Server-sent events that resume, for any HTTP stack.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod timer;
