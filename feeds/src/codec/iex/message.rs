//! The messages of IEX' DEEP 1.0 and TOPS 1.6 as they lie on the wire: little-endian, unaligned.
//!
//! Sources: IEX, *DEEP Specification*, version 1.08, and *TOPS Specification*, version 1.66. The venue may
//! make messages longer without notice, so a view takes what it knows and leaves the rest. The same
//! types write the synthetic captures.

use zerocopy::little_endian::{I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What every message begins with, except that of the venue's day, which has no symbol: 18 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Head {
    /// The type.
    pub kind: u8,
    /// What the message says in one byte: a state, a set of flags.
    pub detail: u8,
    /// Nanoseconds since the epoch.
    pub time: I64,
    /// Padded with spaces on the right.
    pub symbol: [u8; 8],
}

/// A set in [`Head::detail`]: what is true of a security, by the directory.
pub mod security {
    /// It is for testing.
    pub const TEST: u8 = 0x80;
    /// It is traded before it is issued.
    pub const WHEN_ISSUED: u8 = 0x40;
    /// It is an exchange-traded product.
    pub const ETP: u8 = 0x20;
}

/// A set in [`Head::detail`]: how a trade came about.
pub mod sale {
    /// Of an intermarket sweep order.
    pub const SWEEP: u8 = 0x80;
    /// Before or after regular market hours.
    pub const EXTENDED_HOURS: u8 = 0x40;
    /// Less than a round lot.
    pub const ODD_LOT: u8 = 0x20;
    /// Exempt from the rule against trading through.
    pub const EXEMPT: u8 = 0x10;
    /// An auction's one print.
    pub const CROSS: u8 = 0x08;
}

/// A set in [`Head::detail`]: what goes with a quote.
pub mod quote {
    /// The security is halted or not available.
    pub const HALTED: u8 = 0x80;
    /// Before or after regular market hours.
    pub const EXTENDED_HOURS: u8 = 0x40;
}

/// In [`Head::detail`] of a level: the event that changed the book is told completely.
pub const EVENT_COMPLETE: u8 = 1;

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident = $letter:literal, $length:literal {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
            #[repr(C)]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

            const _: () = assert!(size_of::<$name>() == $length);

            impl $name {
                /// The type's letter.
                pub const LETTER: u8 = $letter;
            }
        )*

        /// A message, viewed by its type.
        #[derive(Clone, Copy, Debug)]
        pub enum Message<'a> {
            $($(#[$doc])* $name(&'a $name),)*
            /// A type that the specifications do not have.
            Unknown(u8),
        }

        impl<'a> Message<'a> {
            /// Views a message's bytes; `None` if they are fewer than the type's.
            #[inline(always)]
            pub fn view(bytes: &'a [u8]) -> Option<Self> {
                match *bytes.first()? {
                    $($letter => Some(Message::$name($name::ref_from_prefix(bytes).ok()?.0)),)*
                    letter => Some(Message::Unknown(letter)),
                }
            }

            /// How long messages of the type are at least; `None` for an unknown one.
            pub const fn length(letter: u8) -> Option<usize> {
                match letter {
                    $($letter => Some($length),)*
                    _ => None,
                }
            }
        }

        /// The letters of all types.
        pub const LETTERS: &[u8] = &[$($letter),*];
    };
}

messages! {
    /// System event: the venue's day.
    SystemEvent = b'S', 10 {
        /// The type.
        kind: u8,
        /// `O` start of messages, `S` of system hours, `R` of regular market hours; `M` end of regular
        /// market hours, `E` of system hours, `C` of messages.
        event: u8,
        /// Nanoseconds since the epoch.
        time: I64,
    }
    /// Security directory: a security of the day. The detail is a set of [`security`].
    SecurityDirectory = b'D', 31 {
        /// Type, detail, time and symbol.
        head: Head,
        /// Shares.
        round_lot: U32,
        /// Yesterday's official closing price, adjusted, in 1/10,000 dollar.
        adjusted_close: I64,
        /// Tier of the limit-up-limit-down bands; 0 none.
        luld_tier: u8,
    }
    /// Trading status. The detail is `H` halted on all markets, `O` halted and orders accepted, `P` paused
    /// and orders accepted, `T` trading.
    TradingStatus = b'H', 22 {
        /// Type, detail, time and symbol.
        head: Head,
        /// Why, padded with spaces on the right.
        reason: [u8; 4],
    }
    /// Retail liquidity indicator. The detail is a space for none, `A` to buy, `B` to sell, `C` both.
    RetailInterest = b'I', 18 {
        /// Type, detail, time and symbol.
        head: Head,
    }
    /// Operational halt of IEX alone. The detail is `O` halted, `N` not.
    OperationalHalt = b'O', 18 {
        /// Type, detail, time and symbol.
        head: Head,
    }
    /// Short-sale price test. The detail is 1 if it is in effect, else 0.
    ShortSale = b'P', 19 {
        /// Type, detail, time and symbol.
        head: Head,
        /// A space for none, `A` activated, `C` continued, `D` deactivated, `N` not available.
        reason: u8,
    }
    /// Security event. The detail is `O` opening process complete, `C` closing process complete.
    SecurityEvent = b'E', 18 {
        /// Type, detail, time and symbol.
        head: Head,
    }
    /// Price level update on the bid side (DEEP). The detail is [`EVENT_COMPLETE`] or 0.
    BuyLevel = b'8', 30 {
        /// Type, detail, time and symbol.
        head: Head,
        /// Shares displayed there now; 0 if the level is gone.
        shares: U32,
        /// In 1/10,000 dollar.
        price: I64,
    }
    /// Price level update on the ask side (DEEP). The detail is [`EVENT_COMPLETE`] or 0.
    SellLevel = b'5', 30 {
        /// Type, detail, time and symbol.
        head: Head,
        /// Shares displayed there now; 0 if the level is gone.
        shares: U32,
        /// In 1/10,000 dollar.
        price: I64,
    }
    /// Quote update: the best bid and offer (TOPS). The detail is a set of [`quote`].
    QuoteUpdate = b'Q', 42 {
        /// Type, detail, time and symbol.
        head: Head,
        /// Shares at the bid.
        bid_shares: U32,
        /// In 1/10,000 dollar; 0 if there is none.
        bid: I64,
        /// In 1/10,000 dollar; 0 if there is none.
        ask: I64,
        /// Shares at the ask.
        ask_shares: U32,
    }
    /// Trade report. The detail is a set of [`sale`].
    TradeReport = b'T', 38 {
        /// Type, detail, time and symbol.
        head: Head,
        /// Shares.
        shares: U32,
        /// In 1/10,000 dollar.
        price: I64,
        /// The trade's id of the day.
        trade: U64,
    }
    /// A trade is taken back. The detail is a set of [`sale`].
    TradeBreak = b'B', 38 {
        /// Type, detail, time and symbol.
        head: Head,
        /// Shares.
        shares: U32,
        /// In 1/10,000 dollar.
        price: I64,
        /// The trade's id of the day.
        trade: U64,
    }
    /// Official price of a security listed at IEX. The detail is `Q` opening, `M` closing.
    OfficialPrice = b'X', 26 {
        /// Type, detail, time and symbol.
        head: Head,
        /// In 1/10,000 dollar.
        price: I64,
    }
    /// Auction information of a security listed at IEX. The detail is `O` opening, `C` closing, `I` IPO,
    /// `H` halt, `V` volatility.
    AuctionInformation = b'A', 80 {
        /// Type, detail, time and symbol.
        head: Head,
        /// Shares that would trade at the reference price.
        paired: U32,
        /// In 1/10,000 dollar.
        reference: I64,
        /// What would clear with all orders, in 1/10,000 dollar; 0 if nothing would.
        indicative: I64,
        /// Shares left over.
        imbalance: U32,
        /// `B`, `S`, `N` none.
        side: u8,
        /// How often the auction was put off.
        extension: u8,
        /// When it is to be, in seconds since the epoch.
        scheduled_s: U32,
        /// What would clear with auction orders alone, in 1/10,000 dollar; 0 if nothing would.
        book_clearing: I64,
        /// In 1/10,000 dollar.
        collar_reference: I64,
        /// In 1/10,000 dollar.
        lower_collar: I64,
        /// In 1/10,000 dollar.
        upper_collar: I64,
    }
}
