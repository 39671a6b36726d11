//! The records that are few, kept out of the way of those that are many.

use super::instruments::{State, plain};
use super::levels::Ladder;
use super::record::{Head, Mbo, NO_PRICE, NO_TIME, Ten, Top, Traded, letter, number, text};
use super::{ACTIONS, Dbn, LADDERS_MAX, ODD, SIDES, Stop, Times, Turn, marks, price, resting};
use crate::codec::{Quoted, Trouble};
use dbn::{flags, rtype, v1, v2, v3};
use engine_event::body::{End, Indication, Phase, Print, Quote, Statistic, Status};
use engine_event::{Event, Fault, Flags, Kind, MaybePrice, Nanos, Price, Quantity, SubjectId};
use engine_pipeline::Sink;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

type Done = Result<(), Stop>;

/// Status actions that do not change what the instrument does.
const UNCHANGED: [u16; 3] = [0, 6, 14];

impl Dbn {
    /// Any record.
    #[inline(never)]
    pub(super) fn record<S: Sink>(&mut self, bytes: &[u8], turn: &mut Turn<'_, S>) -> Done {
        let Some(&head) = view::<Head>(bytes) else { return self.too_short(0, bytes, turn) };
        match head.rtype {
            rtype::MBO => match view(bytes) {
                Some(order) => self.unusual_order(order, turn),
                None => self.too_short(head.rtype, bytes, turn),
            },
            rtype::MBP_0 => match view(bytes) {
                Some(trade) => self.trade(trade, turn),
                None => self.too_short(head.rtype, bytes, turn),
            },
            rtype::MBP_1 | rtype::TBBO | rtype::CMBP_1 | rtype::TCBBO => match view(bytes) {
                Some(top) => self.quote(top, top.event.head.ts_event.get(), top.event.action, turn),
                None => self.too_short(head.rtype, bytes, turn),
            },
            // Their event's time is that of the latest trade, which was told when it was news.
            rtype::BBO_1S | rtype::BBO_1M | rtype::CBBO_1S | rtype::CBBO_1M => match view(bytes) {
                Some(top) => self.quote(top, NO_TIME, 0, turn),
                None => self.too_short(head.rtype, bytes, turn),
            },
            rtype::MBP_10 => match view(bytes) {
                Some(ten) => self.ten(ten, turn),
                None => self.too_short(head.rtype, bytes, turn),
            },
            rtype::INSTRUMENT_DEF => self.definition(&head, bytes, turn),
            rtype::STATUS => self.status(&head, bytes, turn),
            rtype::IMBALANCE => self.imbalance(&head, bytes, turn),
            rtype::STATISTICS => self.statistic(&head, bytes, turn),
            rtype::SYMBOL_MAPPING => self.mapping(&head, bytes, turn),
            known if super::type_name(known).is_some() => self.counted(&head, turn),
            unknown => {
                self.count(unknown, turn);
                turn.tally.unknown += 1;
                Ok(())
            }
        }
    }

    /// What is not simply an order that enters, changes or leaves.
    fn unusual_order<S: Sink>(&mut self, m: &Mbo, turn: &mut Turn<'_, S>) -> Done {
        let is_known = matches!(m.action, b'A' | b'C' | b'F' | b'M' | b'N' | b'R' | b'T');
        let counted = if is_known { m.action } else { rtype::MBO };
        let (ts_event, ts_recv) = (m.head.ts_event.get(), m.ts_recv.get());
        let times = self.date(counted, ts_event, ts_recv, m.flags, turn)?;
        let side = SIDES[usize::from(m.side)];
        match m.action {
            b'N' => Ok(()),
            b'F' => {
                let subject = self.admit(&m.head, times, 0, turn)?;
                self.trades.fill(m, subject, times.at, Flags(side & !ODD));
                Ok(())
            }
            b'R' => {
                // What was in doubt begins anew.
                let subject = self.admit(&m.head, times, 0, turn)?;
                self.clear(m.head.key(), subject, times, marks(m.flags), turn);
                Ok(())
            }
            b'T' => {
                let subject = self.admit(&m.head, times, m.flags, turn)?;
                if m.price.get() == NO_PRICE {
                    return self.odd(subject, "a trade", "without a price", turn);
                }
                let flags = marks(m.flags) | resting(side);
                self.trade_begins(m, times.stamp(subject, flags), turn);
                Ok(())
            }
            b'A' | b'C' | b'M' => {
                let subject = self.admit(&m.head, times, m.flags, turn)?;
                if side & ODD != 0 {
                    return self.odd_letter(subject, "side", m.side, turn);
                }
                if m.flags & flags::TOB != 0 {
                    return self.top_of_book(m, subject, times, turn);
                }
                if m.flags & flags::MBP != 0 {
                    return self.odd(subject, "a level", "among orders", turn);
                }
                let (_, kind) = ACTIONS[usize::from(m.action)];
                let flags = marks(m.flags) | Flags(side);
                self.after_trade(m, kind, times.stamp(subject, flags), turn);
                Ok(())
            }
            other => {
                let subject = self.admit(&m.head, times, m.flags, turn)?;
                self.odd_letter(subject, "action", other, turn)
            }
        }
    }

    /// A side's best price, from a publisher that tells no orders: it takes the place of the last one.
    fn top_of_book<S: Sink>(
        &mut self,
        m: &Mbo,
        subject: SubjectId,
        times: Times,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        let Some(side) = Flags(SIDES[usize::from(m.side)]).side() else {
            return self.odd_letter(subject, "side", m.side, turn);
        };
        let size = if m.action == b'C' { 0 } else { m.size.get() };
        let state = self.state(m.head.key(), subject);
        state.touch[side as usize] = shown(m.price.get(), size);
        let [(bid, bid_quantity), (ask, ask_quantity)] = state.touch;
        let quote = Quote { bid, bid_quantity, ask, ask_quantity };
        let event = Event::new(subject, times.at, quote).with_flags(marks(m.flags));
        turn.push(event, times.received);
        Ok(())
    }

    fn clear<S: Sink>(
        &mut self,
        key: u64,
        subject: SubjectId,
        times: Times,
        marks: Flags,
        turn: &mut Turn<'_, S>,
    ) {
        let state = self.state(key, subject);
        let fresh = State { phase: state.phase, ..State::new(key) };
        let had_ladder = std::mem::replace(state, fresh).ladder.is_some();
        self.ladders -= usize::from(had_ladder);
        let event = Event::new(subject, times.at, End::default()).with_kind(Kind::Clear);
        turn.push(event.with_flags(marks), times.received);
    }

    /// A trade's event, without flags.
    fn print<S: Sink>(
        &self,
        subject: SubjectId,
        times: Times,
        (price, size): (i64, u32),
        sequence: u32,
        turn: &mut Turn<'_, S>,
    ) -> Result<Event, Stop> {
        if price == NO_PRICE {
            self.odd(subject, "a trade", "without a price", turn)?;
            return Err(Stop::Skip);
        }
        let quantity = Quantity(u64::from(size));
        let print = Print::new(u64::from(sequence), Price(price), quantity);
        Ok(Event::new(subject, times.at, print))
    }

    fn trade<S: Sink>(&mut self, m: &Traded, turn: &mut Turn<'_, S>) -> Done {
        let (subject, times) = self.admit_event(m, m.head.ts_event.get(), turn)?;
        let event = self.traded(m, subject, times, turn)?;
        turn.push(event.with_flags(marks(m.flags)), times.received);
        Ok(())
    }

    /// The trade that such a record tells.
    fn traded<S: Sink>(
        &self,
        m: &Traded,
        subject: SubjectId,
        times: Times,
        turn: &mut Turn<'_, S>,
    ) -> Result<Event, Stop> {
        let size = m.size.get();
        // Consolidated feeds have no sequence numbers, and something else may stand there one day.
        let is_consolidated = matches!(m.head.rtype, rtype::CMBP_1 | rtype::TCBBO);
        let sequence = if is_consolidated { 0 } else { m.sequence.get() };
        let print = self.print(subject, times, (m.price.get(), size), sequence, turn)?;
        Ok(print.with_flags(resting(SIDES[usize::from(m.side)])))
    }

    /// Subject and times of a record that begins like a trade's.
    fn admit_event<S: Sink>(
        &mut self,
        m: &Traded,
        ts_event: u64,
        turn: &mut Turn<'_, S>,
    ) -> Result<(SubjectId, Times), Stop> {
        let times = self.date(m.head.rtype, ts_event, m.ts_recv.get(), m.flags, turn)?;
        // What clears a book ends the doubt about it.
        let flags = if m.action == b'R' { 0 } else { m.flags };
        Ok((self.admit(&m.head, times, flags, turn)?, times))
    }

    /// The best bid and offer, after a trade or whatever `action` was.
    fn quote<S: Sink>(
        &mut self,
        m: &Top,
        ts_event: u64,
        action: u8,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        let (subject, times) = self.admit_event(&m.event, ts_event, turn)?;
        let marks = marks(m.event.flags);
        let news = Flags(marks.0 & !Flags::LAST.0);
        match action {
            b'T' => {
                let event = self.traded(&m.event, subject, times, turn)?.with_flags(news);
                turn.push(event, times.received);
            }
            b'R' => self.clear(m.event.head.key(), subject, times, news, turn),
            _ => {}
        }
        let (bid, bid_quantity) = shown(m.level.bid.get(), m.level.bid_size.get());
        let (ask, ask_quantity) = shown(m.level.ask.get(), m.level.ask_size.get());
        let quote = Quote { bid, bid_quantity, ask, ask_quantity };
        turn.push(Event::new(subject, times.at, quote).with_flags(marks), times.received);
        Ok(())
    }

    /// Ten levels: what differs from the last ten. That may be more than there is room for now.
    fn ten<S: Sink>(&mut self, m: &Ten, turn: &mut Turn<'_, S>) -> Done {
        let (subject, times) = self.admit_event(&m.event, m.event.head.ts_event.get(), turn)?;
        let (key, marks) = (m.event.head.key(), marks(m.event.flags));
        let news = Flags(marks.0 & !Flags::LAST.0);
        if m.event.action == b'R' {
            self.clear(key, subject, times, news, turn);
        }
        if m.event.action == b'T' {
            let event = self.traded(&m.event, subject, times, turn)?;
            self.waiting.push(event.with_flags(news));
        }
        if self.ladders == LADDERS_MAX && self.state(key, subject).ladder.is_none() {
            let what = format_args!("more than {LADDERS_MAX} instruments by ten levels");
            let trouble = Trouble { fault: Fault::OrdersFull, place: turn.place(), what };
            trouble.lose(self.strict, subject, times.at, turn.sink, turn.tally)?;
        } else {
            let next = Ladder::of(&m.levels);
            let is_last = marks.has(Flags::LAST);
            let state = self.states.entry(subject).or_insert_with(|| State::new(key));
            self.ladders += usize::from(state.ladder.is_none());
            let ladder = state.ladder.get_or_insert_with(|| Box::new(Ladder::EMPTY));
            let waiting = &mut self.waiting;
            let level = |side, level| {
                Event::new(subject, times.at, level).with_flags(Flags::of(side) | news)
            };
            ladder.steps_to(&next, |side, step| waiting.push(level(side, step)));
            **ladder = next;
            // A group that ends without a change ends all the same.
            if is_last && waiting.is_empty() {
                waiting.extend(ladder.any().map(|(side, same)| level(side, same)));
            }
        }
        self.waiting.iter_mut().for_each(|event| event.received_at = times.received);
        if let Some(last) = self.waiting.last_mut() {
            *last = last.with_flags(marks);
        }
        self.waiting.reverse();
        Ok(())
    }

    fn definition<S: Sink>(&mut self, head: &Head, bytes: &[u8], turn: &mut Turn<'_, S>) -> Done {
        macro_rules! fields {
            ($type:ty) => {
                (
                    number!(bytes, $type, ts_recv: u64),
                    number!(bytes, $type, min_price_increment: i64),
                    text!(bytes, $type, raw_symbol),
                )
            };
        }
        let (ts_recv, tick, symbol) = if bytes.len() >= size_of::<v3::InstrumentDefMsg>() {
            fields!(v3::InstrumentDefMsg)
        } else if bytes.len() >= size_of::<v2::InstrumentDefMsg>() {
            fields!(v2::InstrumentDefMsg)
        } else if bytes.len() >= size_of::<v1::InstrumentDefMsg>() {
            fields!(v1::InstrumentDefMsg)
        } else {
            return self.too_short(head.rtype, bytes, turn);
        };
        let times = self.date(head.rtype, head.ts_event.get(), ts_recv, 0, turn)?;
        let (key, instrument) = (head.key(), head.instrument.get());
        if let Ok(symbol) = std::str::from_utf8(symbol)
            && self.naming.learn_if_unknown(instrument, symbol, times.index)
        {
            self.forget(instrument);
        }
        let known_tick = Some(tick).filter(|tick| *tick != NO_PRICE && *tick > 0);
        let tick = Price(known_tick.unwrap_or(0));
        let mut is_told = false;
        let subject = self.find(
            key,
            times,
            |names| {
                is_told = true;
                plain(key, names).map(|of| of.with_tick(tick))
            },
            turn,
        )?;
        let Some(known) = turn.names.definition(subject).copied() else { return Ok(()) };
        if !is_told || known.tick != tick {
            let event = Event::new(subject, times.at, known.with_tick(tick));
            turn.push(event, times.received);
        }
        Ok(())
    }

    fn status<S: Sink>(&mut self, head: &Head, bytes: &[u8], turn: &mut Turn<'_, S>) -> Done {
        if bytes.len() < size_of::<v3::StatusMsg>() {
            return self.too_short(head.rtype, bytes, turn);
        }
        let ts_recv = number!(bytes, v3::StatusMsg, ts_recv: u64);
        let action = number!(bytes, v3::StatusMsg, action: u16);
        let reason = number!(bytes, v3::StatusMsg, reason: u16);
        let times = self.date(head.rtype, head.ts_event.get(), ts_recv, 0, turn)?;
        let subject = self.admit(head, times, 0, turn)?;
        let state = self.state(head.key(), subject);
        state.phase = match action {
            same if UNCHANGED.contains(&same) => state.phase,
            // Before the opening, and before the close, orders may be entered and nothing trades; so it
            // is where there are only quotes.
            1 | 3 | 11 => Phase::PreOpen,
            2 | 4 | 5 => Phase::Auction,
            7 => Phase::Continuous,
            8 | 9 | 10 | 15 => Phase::Halt,
            12 | 13 => Phase::Close,
            other => return self.odd(subject, "status action", &other.to_string(), turn),
        };
        let code = format!("{action}/{reason}");
        let event = Event::new(subject, times.at, Status::new(state.phase, code.as_bytes()));
        turn.push(event, times.received);
        Ok(())
    }

    fn imbalance<S: Sink>(&mut self, head: &Head, bytes: &[u8], turn: &mut Turn<'_, S>) -> Done {
        type Msg = v3::ImbalanceMsg;
        if bytes.len() < size_of::<Msg>() {
            return self.too_short(head.rtype, bytes, turn);
        }
        let ts_recv = number!(bytes, Msg, ts_recv: u64);
        let times = self.date(head.rtype, head.ts_event.get(), ts_recv, 0, turn)?;
        let subject = self.admit(head, times, 0, turn)?;
        let side = letter!(bytes, Msg, side);
        let sign = match side {
            b'B' => 1,
            b'A' => -1,
            b'N' => 0,
            _ => return self.odd_letter(subject, "imbalance side", side, turn),
        };
        // Venues tell one of these; in place of the others stands zero, or nothing.
        let told = |price: &i64| *price != NO_PRICE && *price != 0;
        let matching = number!(bytes, Msg, ind_match_price: i64);
        let clearing = number!(bytes, Msg, cont_book_clr_price: i64);
        let indicative = [matching, clearing].into_iter().find(told);
        let size = |size: u32| if size == dbn::UNDEF_ORDER_SIZE { 0 } else { size };
        let left = size(number!(bytes, Msg, total_imbalance_qty: u32));
        let indication = Indication {
            indicative: indicative.map(Price).into(),
            reference: price(number!(bytes, Msg, ref_price: i64)),
            paired: Quantity(u64::from(size(number!(bytes, Msg, paired_qty: u32)))),
            imbalance: sign * i64::from(left),
        };
        turn.push(Event::new(subject, times.at, indication), times.received);
        Ok(())
    }

    fn statistic<S: Sink>(&mut self, head: &Head, bytes: &[u8], turn: &mut Turn<'_, S>) -> Done {
        // The third version made room for greater quantities.
        macro_rules! fields {
            ($type:ty) => {
                (
                    number!(bytes, $type, ts_recv: u64),
                    number!(bytes, $type, ts_ref: u64),
                    number!(bytes, $type, price: i64),
                    number!(bytes, $type, stat_type: u16),
                    bytes[std::mem::offset_of!($type, update_action)],
                )
            };
        }
        let ((ts_recv, about, told, code, action), quantity) =
            if bytes.len() >= size_of::<v3::StatMsg>() {
                let quantity = number!(bytes, v3::StatMsg, quantity: i64);
                (fields!(v3::StatMsg), Some(quantity).filter(|of| *of != v3::UNDEF_STAT_QUANTITY))
            } else if bytes.len() >= size_of::<v1::StatMsg>() {
                let quantity = number!(bytes, v1::StatMsg, quantity: i32);
                let quantity = Some(quantity).filter(|of| *of != v1::UNDEF_STAT_QUANTITY);
                (fields!(v1::StatMsg), quantity.map(i64::from))
            } else {
                return self.too_short(head.rtype, bytes, turn);
            };
        let times = self.date(head.rtype, head.ts_event.get(), ts_recv, 0, turn)?;
        let subject = self.admit(head, times, 0, turn)?;
        let mut statistic = Statistic::new(code, price(told), quantity);
        if about != NO_TIME {
            statistic = statistic.about(Nanos(about));
        }
        // Venues publish a number anew (1) or take it back (2).
        if action == 2 {
            statistic = statistic.withdrawn();
        }
        turn.push(Event::new(subject, times.at, statistic), times.received);
        Ok(())
    }

    /// From here on an instrument has a name.
    fn mapping<S: Sink>(&mut self, head: &Head, bytes: &[u8], turn: &mut Turn<'_, S>) -> Done {
        macro_rules! fields {
            ($type:ty) => {
                (
                    text!(bytes, $type, stype_in_symbol),
                    text!(bytes, $type, stype_out_symbol),
                    number!(bytes, $type, start_ts: u64),
                )
            };
        }
        let (asked, told, from) = if bytes.len() >= size_of::<v3::SymbolMappingMsg>() {
            fields!(v3::SymbolMappingMsg)
        } else if bytes.len() >= size_of::<v1::SymbolMappingMsg>() {
            fields!(v1::SymbolMappingMsg)
        } else {
            return self.too_short(head.rtype, bytes, turn);
        };
        self.count(head.rtype, turn);
        let instrument = head.instrument.get();
        // Who asks by name is told the id, and the other way round.
        let is_id = told.iter().all(u8::is_ascii_digit);
        let name = if is_id { asked } else { told };
        let Some(name) = super::super::lines::name(name) else {
            let found = Quoted(name).to_string();
            return self.odd(SubjectId::EVERY, "symbol", &found, turn);
        };
        let from = if from == NO_TIME { 0 } else { from };
        if self.naming.learn(instrument, name, from) {
            self.forget(instrument);
        }
        Ok(())
    }

    /// A record that becomes no event.
    fn counted<S: Sink>(&mut self, head: &Head, turn: &mut Turn<'_, S>) -> Done {
        match head.ts_event.get() {
            NO_TIME => self.count(head.rtype, turn),
            time => drop(self.date(head.rtype, time, NO_TIME, 0, turn)?),
        }
        Ok(())
    }

    #[cold]
    fn too_short<S: Sink>(&self, rtype: u8, bytes: &[u8], turn: &mut Turn<'_, S>) -> Done {
        self.count(rtype, turn);
        let what = format_args!("a record of type {rtype} has no more than {} bytes", bytes.len());
        let trouble = Trouble { fault: Fault::BadLength, place: turn.place(), what };
        Ok(trouble.lose(self.strict, SubjectId::EVERY, self.at, turn.sink, turn.tally)?)
    }

    #[cold]
    fn odd_letter<S: Sink>(
        &self,
        subject: SubjectId,
        field: &str,
        found: u8,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        self.odd(subject, field, &Quoted(&[found]).to_string(), turn)
    }
}

/// What is told of one order.
pub(super) fn order(record: &[u8]) -> Option<&Mbo> {
    let is_order = |m: &&Mbo| m.head.rtype == rtype::MBO && m.action != b'R';
    view(record).filter(is_order)
}

/// The record's bytes as what they are, if there are enough of them.
fn view<T: FromBytes + Immutable + KnownLayout + Unaligned>(bytes: &[u8]) -> Option<&T> {
    T::ref_from_prefix(bytes).ok().map(|(record, _)| record)
}

/// A side of the touch. One without a price or with nothing at it is empty.
fn shown(of: i64, size: u32) -> (MaybePrice, Quantity) {
    if size == 0 || of == NO_PRICE {
        return (MaybePrice::NONE, Quantity(0));
    }
    (price(of), Quantity(u64::from(size)))
}
