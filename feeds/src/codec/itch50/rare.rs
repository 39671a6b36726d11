//! The messages of ITCH 5.0 that are few: the venue's day, stocks and their states, auctions.

use super::REFUSED;
use super::message::{Head, Message};
use super::{Itch50, Stop, Turn, price, shares, side};
use engine_event::body::{Execution, Indication, Order, Phase, Print, Status};
use engine_event::{Event, Flags, Kind, MaybePrice, OrderId, Quantity, SubjectId};
use engine_pipeline::Sink;
use zerocopy::big_endian::U32;

impl Itch50 {
    /// The messages that are few, kept out of the way of those that are many.
    #[inline(never)]
    pub(super) fn rare<S: Sink>(
        &mut self,
        bytes: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        let Some(message) = Message::view(bytes) else { return self.wrong_length(bytes, turn) };
        match message {
            Message::ExecuteOrderAt(m) => {
                let (subject, at) = self.admit(&m.head, turn)?;
                let printable = match m.printable {
                    b'Y' => Flags::NONE,
                    b'N' => Flags::NON_PRINTABLE,
                    other => return self.odd(subject, "printable", &[other], turn),
                };
                let order = OrderId(m.order.get());
                let execution = Execution::new(order, price(m.price), shares(m.shares));
                turn.push(Event::new(subject, at, execution).with_flags(printable));
                Ok(())
            }
            Message::AddOrderAttributed(m) => {
                let (subject, at) = self.admit_named(&m.head, &m.stock, turn)?;
                let owner = self.participant(m.attribution, turn)?;
                let order = Order::new(OrderId(m.order.get()), price(m.price), shares(m.shares));
                self.add(subject, at, order.owned_by(owner), m.side, turn)
            }
            Message::Trade(m) => {
                let (subject, at) = self.admit_named(&m.head, &m.stock, turn)?;
                let Some(side) = side(m.side) else {
                    return self.odd(subject, "side", &[m.side], turn);
                };
                let print = Print::new(m.trade.get(), price(m.price), shares(m.shares));
                turn.push(Event::new(subject, at, print).with_flags(side | Flags::HIDDEN));
                Ok(())
            }
            Message::StockDirectory(m) => {
                let at = self.date(&m.head, turn)?;
                self.locate(m.head.locate.get(), &m.stock, at, turn)
            }
            Message::SystemEvent(m) => {
                let at = self.date(&m.head, turn)?;
                let phase = match m.code {
                    b'O' | b'S' => Phase::PreOpen,
                    b'Q' => Phase::Continuous,
                    b'M' | b'E' | b'C' => Phase::Close,
                    _ => return self.odd(SubjectId::EVERY, "system event", &[m.code], turn),
                };
                turn.push(Event::new(SubjectId::EVERY, at, Status::new(phase, &[m.code])));
                Ok(())
            }
            Message::TradingAction(m) => {
                let phase = match m.state {
                    b'T' => Phase::Continuous,
                    b'H' | b'P' => Phase::Halt,
                    b'Q' => Phase::Auction,
                    _ => return self.check(&m.head, "trading state", &[m.state], false, turn),
                };
                self.status(&m.head, &m.stock, phase, m.reason.trim_ascii_end(), turn)
            }
            Message::OperationalHalt(m) => {
                let phase = match m.action {
                    b'H' => Phase::Halt,
                    b'T' => Phase::Continuous,
                    _ => return self.check(&m.head, "halt action", &[m.action], false, turn),
                };
                // A halt of BX or PSX says nothing about this book.
                if m.market != b'Q' {
                    let known = matches!(m.market, b'B' | b'X');
                    return self.check(&m.head, "market", &[m.market], known, turn);
                }
                self.status(&m.head, &m.stock, phase, &[m.market, m.action], turn)
            }
            Message::CrossTrade(m) => {
                let (subject, at) = self.admit_named(&m.head, &m.stock, turn)?;
                if m.shares.get() > 0 {
                    let quantity = Quantity(m.shares.get());
                    let print = Print::new(m.trade.get(), price(m.price), quantity);
                    turn.push(Event::new(subject, at, print).with_flags(Flags::CROSS));
                }
                Ok(())
            }
            Message::BrokenTrade(m) => {
                let (subject, at) = self.admit(&m.head, turn)?;
                let print = Print::new(m.trade.get(), MaybePrice::NONE, Quantity(0));
                turn.push(Event::new(subject, at, print).with_kind(Kind::Break));
                Ok(())
            }
            Message::Imbalance(m) => {
                let (subject, at) = self.admit_named(&m.head, &m.stock, turn)?;
                let sign = match m.direction {
                    b'B' => 1,
                    b'S' => -1,
                    b'N' | b'O' | b'P' => 0,
                    other => return self.odd(subject, "imbalance direction", &[other], turn),
                };
                let Ok(left) = i64::try_from(m.imbalance.get()) else {
                    return self.odd(subject, "imbalance", m.imbalance.as_ref(), turn);
                };
                let indication = Indication {
                    indicative: price_or_none(m.near),
                    reference: price_or_none(m.reference),
                    paired: Quantity(m.paired.get()),
                    imbalance: sign * left,
                };
                turn.push(Event::new(subject, at, indication));
                Ok(())
            }
            Message::RegSho(m) => {
                let fine = matches!(m.action, b'0'..=b'2');
                self.check(&m.head, "short-sale restriction", &[m.action], fine, turn)
            }
            Message::ParticipantPosition(m) => {
                let fine = matches!(m.state, b'A' | b'E' | b'W' | b'S' | b'D');
                self.check(&m.head, "participant state", &[m.state], fine, turn)
            }
            Message::BreakerLevels(m) => {
                let (one, two, three) = (m.level_1.get(), m.level_2.get(), m.level_3.get());
                let fine = one > two && two > three;
                self.check(&m.head, "circuit breaker levels", m.level_1.as_ref(), fine, turn)
            }
            Message::BreakerStatus(m) => {
                let fine = matches!(m.level, b'1'..=b'3');
                self.check(&m.head, "circuit breaker level", &[m.level], fine, turn)
            }
            Message::IpoQuoting(m) => {
                let fine = matches!(m.qualifier, b'A' | b'C');
                self.check(&m.head, "IPO release qualifier", &[m.qualifier], fine, turn)
            }
            Message::AuctionCollar(m) => {
                let fine = m.lower.get() <= m.upper.get();
                self.check(&m.head, "auction collar", m.lower.as_ref(), fine, turn)
            }
            Message::RetailInterest(m) => {
                let fine = matches!(m.interest, b'B' | b'S' | b'A' | b'N');
                self.check(&m.head, "retail interest", &[m.interest], fine, turn)
            }
            Message::DirectListing(m) => {
                let fine = matches!(m.eligible, b'Y' | b'N');
                self.check(&m.head, "release eligibility", &[m.eligible], fine, turn)
            }
            Message::Unknown(letter) => {
                turn.tally.messages += 1;
                turn.tally.by_type[usize::from(letter)] += 1;
                turn.tally.unknown += 1;
                Ok(())
            }
            Message::AddOrder(_)
            | Message::DeleteOrder(_)
            | Message::ReplaceOrder(_)
            | Message::ExecuteOrder(_)
            | Message::CancelOrder(_) => unreachable!("these are decoded where they are many"),
        }
    }

    fn status<S: Sink>(
        &mut self,
        head: &Head,
        stock: &[u8; 8],
        phase: Phase,
        code: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        let (subject, at) = self.admit_named(head, stock, turn)?;
        turn.push(Event::new(subject, at, Status::new(phase, code)));
        Ok(())
    }

    /// Counts a message that becomes no event; one whose field is not `fine` is told.
    fn check<S: Sink>(
        &mut self,
        head: &Head,
        field: &str,
        found: &[u8],
        fine: bool,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        self.date(head, turn)?;
        if fine {
            return Ok(());
        }
        let located = self.located[usize::from(head.locate.get())];
        let subject = if located < REFUSED { SubjectId(located) } else { SubjectId::EVERY };
        self.odd(subject, field, found, turn)
    }
}

fn price_or_none(of: U32) -> MaybePrice {
    (of.get() > 0).then(|| price(of)).into()
}
