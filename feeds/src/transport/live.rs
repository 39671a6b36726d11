//! A live feed of whichever protocol.

use super::udp::{Listen, Received, Udp};
use crate::Options;
use crate::codec::Itch50;
use crate::codec::iex::Iex;
use engine_event::{Directory, Nanos};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally, Timing};
use std::fmt;
use std::str::FromStr;

/// A protocol by datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LiveProtocol {
    /// NASDAQ TotalView-ITCH 5.0 over MoldUDP64.
    Itch50,
    /// IEX' DEEP 1.0 or TOPS 1.6 over IEX-TP.
    Iex,
}

impl LiveProtocol {
    /// All of them.
    pub const ALL: [LiveProtocol; 2] = [LiveProtocol::Itch50, LiveProtocol::Iex];

    /// Its word in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            LiveProtocol::Itch50 => "itch50",
            LiveProtocol::Iex => "iex",
        }
    }

    /// Whether lost messages can be asked for: the request is MoldUDP64's.
    pub const fn has_requests(self) -> bool {
        matches!(self, LiveProtocol::Itch50)
    }
}

impl fmt::Display for LiveProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for LiveProtocol {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|protocol| protocol.word() == word);
        let words = || Self::ALL.map(Self::word).join(", ");
        named.ok_or_else(|| format!("\"{word}\" is no protocol by datagram: {}", words()))
    }
}

/// A live feed, its protocol chosen when it was opened.
#[derive(Debug)]
pub enum LiveFeed {
    /// NASDAQ TotalView-ITCH 5.0.
    Itch50(Box<Udp<Itch50>>),
    /// IEX' DEEP or TOPS.
    Iex(Box<Udp<Iex>>),
}

impl LiveFeed {
    /// Opens the sockets of a feed.
    pub fn open(
        protocol: LiveProtocol,
        listen: &Listen,
        options: &Options,
    ) -> Result<Self, FeedError> {
        Ok(match protocol {
            LiveProtocol::Itch50 => LiveFeed::Itch50(Box::new(Udp::open(listen, options)?)),
            LiveProtocol::Iex => LiveFeed::Iex(Box::new(Udp::open(listen, options)?)),
        })
    }

    /// How packets are received, for a person.
    pub fn description(&self) -> &str {
        match self {
            LiveFeed::Itch50(feed) => feed.description(),
            LiveFeed::Iex(feed) => feed.description(),
        }
    }

    /// Ends the recording: waits until what came is written.
    pub fn end_recording(&mut self) {
        match self {
            LiveFeed::Itch50(feed) => feed.end_recording(),
            LiveFeed::Iex(feed) => feed.end_recording(),
        }
    }

    /// What was received so far.
    pub fn received(&self) -> Received {
        match self {
            LiveFeed::Itch50(feed) => feed.received(),
            LiveFeed::Iex(feed) => feed.received(),
        }
    }
}

impl Feed for LiveFeed {
    #[inline]
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        match self {
            LiveFeed::Itch50(feed) => feed.poll(now, names, sink),
            LiveFeed::Iex(feed) => feed.poll(now, names, sink),
        }
    }

    fn tally(&self) -> Tally {
        match self {
            LiveFeed::Itch50(feed) => feed.tally(),
            LiveFeed::Iex(feed) => feed.tally(),
        }
    }

    fn tally_into(&self, all: &mut Tally) {
        match self {
            LiveFeed::Itch50(feed) => feed.tally_into(all),
            LiveFeed::Iex(feed) => feed.tally_into(all),
        }
    }

    fn timing(&self) -> Timing {
        Timing::Received
    }
}
