//! Coordinators and workers on real servers. They need the program `nats-server` (2.11 or later) in the path, or in `NATS_SERVER`; without
//! it those tests say so and pass. With `NATS_SERVER_REQUIRED` set they fail instead.

mod chaos;
mod hangs;
mod leads;
mod link;
mod messages;
mod pauses;
mod process;
mod security;
mod servers;
mod units;
