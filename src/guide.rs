//! Longer answers, one page per question. This module has no code.

#[doc = include_str!("../docs/resuming.md")]
pub mod resuming {}

#[doc = include_str!("../docs/publishing.md")]
pub mod publishing {}

#[doc = include_str!("../docs/topics.md")]
pub mod topics {}

#[doc = include_str!("../docs/state.md")]
pub mod state {}

#[doc = include_str!("../docs/authorisation.md")]
pub mod authorisation {}

#[doc = include_str!("../docs/security.md")]
pub mod security {}

#[doc = include_str!("../docs/shutting_down.md")]
pub mod shutting_down {}

#[doc = include_str!("../docs/troubleshooting.md")]
pub mod troubleshooting {}

#[doc = include_str!("../docs/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/proxies.md")]
pub mod proxies {}

#[doc = include_str!("../docs/middleware.md")]
pub mod middleware {}

#[doc = include_str!("../docs/browsers.md")]
pub mod browsers {}

#[doc = include_str!("../docs/clients.md")]
pub mod clients {}

#[doc = include_str!("../docs/rust_clients.md")]
pub mod rust_clients {}

#[doc = include_str!("../docs/limits.md")]
pub mod limits {}

#[doc = include_str!("../docs/operating.md")]
pub mod operating {}

#[doc = include_str!("../docs/scaling_out.md")]
pub mod scaling_out {}

#[doc = include_str!("../docs/durability.md")]
pub mod durability {}

#[doc = include_str!("../docs/own_delivery.md")]
pub mod own_delivery {}

#[doc = include_str!("../docs/adapters.md")]
pub mod adapters {}

#[doc = include_str!("../docs/from_axum.md")]
pub mod from_axum {}

#[doc = include_str!("../docs/model_context_protocol.md")]
pub mod model_context_protocol {}

#[doc = include_str!("../docs/reliability.md")]
pub mod reliability {}

#[doc = include_str!("../docs/speed.md")]
pub mod speed {}

#[doc = include_str!("../docs/architecture.md")]
pub mod architecture {}
