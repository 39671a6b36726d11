//! The messages of NASDAQ TotalView-ITCH 5.0 as they lie on the wire: big-endian, unaligned, each
//! type of one fixed length.
//!
//! Source: Nasdaq, *TotalView-ITCH 5.0 specification*, section 1 (all message formats). A view is a
//! cast of the frame's bytes, checked for length only; what the fields hold is checked by who reads
//! them. The same types write the synthetic files.

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What every message begins with: 11 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Head {
    /// The type.
    pub kind: u8,
    /// The day's number of the stock; 0 where the message is about none.
    pub locate: U16,
    stamp: U64,
}

impl Head {
    const TIME_MASK: u64 = (1 << 48) - 1;

    /// A head of `kind` at `time`, nanoseconds since midnight, with tracking number 0.
    pub fn new(kind: u8, locate: u16, time: u64) -> Self {
        Self { kind, locate: U16::new(locate), stamp: U64::new(time & Self::TIME_MASK) }
    }

    /// Nanoseconds since midnight: 48 bits.
    #[inline]
    pub fn time(&self) -> u64 {
        self.stamp.get() & Self::TIME_MASK
    }

    /// NASDAQ's internal number; it need not be without gaps.
    pub fn tracking(&self) -> u16 {
        (self.stamp.get() >> 48) as u16
    }
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident = $letter:literal, $length:literal {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
            #[repr(C)]
            pub struct $name {
                /// Type, stock and time.
                pub head: Head,
                $($(#[$field_doc])* pub $field: $type,)*
            }

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
            /// A type that the specification does not have.
            Unknown(u8),
        }

        impl<'a> Message<'a> {
            /// Views a frame's bytes; `None` if their number is not the type's.
            #[inline(always)]
            pub fn view(bytes: &'a [u8]) -> Option<Self> {
                match *bytes.first()? {
                    $($letter => Some(Message::$name($name::ref_from_bytes(bytes).ok()?)),)*
                    letter => Some(Message::Unknown(letter)),
                }
            }

            /// How long messages of the type are; `None` for an unknown one.
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
    /// Add order without attribution.
    AddOrder = b'A', 36 {
        /// The order's id of the day.
        order: U64,
        /// `B` or `S`.
        side: u8,
        /// Shares.
        shares: U32,
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// In 1/10,000 dollar.
        price: U32,
    }
    /// Delete order.
    DeleteOrder = b'D', 19 {
        /// The order.
        order: U64,
    }
    /// Replace order.
    ReplaceOrder = b'U', 35 {
        /// The order that leaves.
        old: U64,
        /// The order that takes its side, stock and attribution.
        new: U64,
        /// Its shares.
        shares: U32,
        /// Its price, in 1/10,000 dollar.
        price: U32,
    }
    /// Order executed at its own price.
    ExecuteOrder = b'E', 31 {
        /// The resting order.
        order: U64,
        /// Shares executed.
        shares: U32,
        /// The trade's id of the day.
        trade: U64,
    }
    /// Order executed at another price than its own.
    ExecuteOrderAt = b'C', 36 {
        /// The resting order.
        order: U64,
        /// Shares executed.
        shares: U32,
        /// The trade's id of the day.
        trade: U64,
        /// `Y`, or `N` when it is reported by a cross as well.
        printable: u8,
        /// In 1/10,000 dollar.
        price: U32,
    }
    /// Part of an order cancelled.
    CancelOrder = b'X', 23 {
        /// The order.
        order: U64,
        /// Shares taken off.
        shares: U32,
    }
    /// Add order with the attribution of a market participant.
    AddOrderAttributed = b'F', 40 {
        /// The order's id of the day.
        order: U64,
        /// `B` or `S`.
        side: u8,
        /// Shares.
        shares: U32,
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// In 1/10,000 dollar.
        price: U32,
        /// The participant's MPID.
        attribution: [u8; 4],
    }
    /// Trade of an order that was not displayed.
    Trade = b'P', 44 {
        /// Zero since 2010.
        order: U64,
        /// The resting order's side; `B` since 2014 whatever it is.
        side: u8,
        /// Shares.
        shares: U32,
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// In 1/10,000 dollar.
        price: U32,
        /// The trade's id of the day.
        trade: U64,
    }
    /// Cross trade: an auction's one print.
    CrossTrade = b'Q', 40 {
        /// Shares, 0 where an opening cross found none.
        shares: U64,
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// In 1/10,000 dollar.
        price: U32,
        /// The trade's id of the day.
        trade: U64,
        /// `O` opening, `C` closing, `H` halted or IPO, `A` extended.
        cross: u8,
    }
    /// A trade is taken back.
    BrokenTrade = b'B', 19 {
        /// The trade's id of the day.
        trade: U64,
    }
    /// Net order imbalance indicator.
    Imbalance = b'I', 50 {
        /// Shares that would trade at the reference price.
        paired: U64,
        /// Shares left over.
        imbalance: U64,
        /// `B`, `S`, `N` none, `O` too few orders to tell, `P` paused.
        direction: u8,
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// Clearing price of the cross orders alone, in 1/10,000 dollar.
        far: U32,
        /// Clearing price of cross and continuous orders, in 1/10,000 dollar.
        near: U32,
        /// What the imbalance was computed at, in 1/10,000 dollar.
        reference: U32,
        /// `O` opening, `C` closing, `H` halted or IPO, `A` extended.
        cross: u8,
        /// How far the near price is from the reference.
        variation: u8,
    }
    /// System event: the venue's day.
    SystemEvent = b'S', 12 {
        /// `O` start of messages, `S` of system hours, `Q` of market hours; `M` end of market hours,
        /// `E` of system hours, `C` of messages.
        code: u8,
    }
    /// Stock directory: a stock of the day.
    StockDirectory = b'R', 39 {
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// Listing market or tier.
        market_category: u8,
        /// Whether the issuer meets its duties.
        financial_status: u8,
        /// Shares of a round lot.
        round_lot: U32,
        /// `Y` if only round lots are taken.
        round_lots_only: u8,
        /// Class of the security.
        classification: u8,
        /// Its sub-type.
        sub_type: [u8; 2],
        /// `P` production, `T` test.
        authenticity: u8,
        /// Whether SEC rule 203(b)(3) applies.
        short_sale_threshold: u8,
        /// Whether it is set up for an IPO release.
        ipo: u8,
        /// Tier of the limit-up-limit-down bands.
        luld_tier: u8,
        /// Whether it is an exchange-traded product.
        etp: u8,
        /// That product's leverage.
        etp_leverage: U32,
        /// Whether that product is inverse.
        inverse: u8,
    }
    /// Stock trading action.
    TradingAction = b'H', 25 {
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// `H` halted, `P` paused, `Q` quotation only, `T` trading.
        state: u8,
        /// Nothing.
        reserved: u8,
        /// Why.
        reason: [u8; 4],
    }
    /// Regulation SHO short-sale price test.
    RegSho = b'Y', 20 {
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// `0` none, `1` intraday drop, `2` still in effect.
        action: u8,
    }
    /// Market participant position.
    ParticipantPosition = b'L', 26 {
        /// The participant.
        mpid: [u8; 4],
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// `Y` primary market maker, `N` not.
        primary: u8,
        /// How it makes the market.
        mode: u8,
        /// `A` active, `E` excused, `W` withdrawn, `S` suspended, `D` deleted.
        state: u8,
    }
    /// Market-wide circuit breaker: the day's levels.
    BreakerLevels = b'V', 35 {
        /// In 1/100,000,000.
        level_1: U64,
        /// In 1/100,000,000.
        level_2: U64,
        /// In 1/100,000,000.
        level_3: U64,
    }
    /// Market-wide circuit breaker: a level was breached.
    BreakerStatus = b'W', 12 {
        /// `1`, `2` or `3`.
        level: u8,
    }
    /// IPO quoting period.
    IpoQuoting = b'K', 28 {
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// Seconds since midnight.
        release_s: U32,
        /// `A` anticipated, `C` cancelled or postponed.
        qualifier: u8,
        /// In 1/10,000 dollar.
        price: U32,
    }
    /// Limit-up-limit-down auction collar.
    AuctionCollar = b'J', 35 {
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// In 1/10,000 dollar.
        reference: U32,
        /// In 1/10,000 dollar.
        upper: U32,
        /// In 1/10,000 dollar.
        lower: U32,
        /// How often the reopening was extended.
        extension: U32,
    }
    /// Operational halt of one market.
    OperationalHalt = b'h', 21 {
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// `Q` Nasdaq, `B` BX, `X` PSX.
        market: u8,
        /// `H` halted, `T` resumed.
        action: u8,
    }
    /// Retail price improvement indicator.
    RetailInterest = b'N', 20 {
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// `B`, `S`, `A` both, `N` none.
        interest: u8,
    }
    /// Direct listing with capital raise: price discovery.
    DirectListing = b'O', 48 {
        /// Symbol, padded with spaces on the right.
        stock: [u8; 8],
        /// `Y` if it may be released.
        eligible: u8,
        /// In 1/10,000 dollar.
        lowest: U32,
        /// In 1/10,000 dollar.
        highest: U32,
        /// In 1/10,000 dollar.
        near: U32,
        /// When the near price was found: nanoseconds since midnight.
        near_time: U64,
        /// In 1/10,000 dollar.
        lower_collar: U32,
        /// In 1/10,000 dollar.
        upper_collar: U32,
    }
}
