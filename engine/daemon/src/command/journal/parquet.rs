//! Events as a table in Apache Parquet: a row for each, the same columns for all kinds.
//!
//! Prices and quantities are whole numbers of units, beside the number of decimal places that both have.

use engine_event::body::{Execution, Holding, Level, Order, Print, Replacement};
use engine_event::{Directory, Event, Kind, MaybePrice, ParticipantId, SubjectId};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// Rows of a group: what is held in memory.
const GROUP_ROWS: usize = 128 << 10;

/// The columns, in the order in which [`Rows`] writes them.
const SCHEMA: &str = "message events {
    required int64 seq (integer(64, false));
    required int64 event_at (timestamp(nanos, true));
    required int64 received_at (timestamp(nanos, true));
    required binary subject (string);
    required binary venue (string);
    required binary kind (string);
    optional binary side (string);
    optional int64 order_id (integer(64, false));
    optional int64 new_order_id (integer(64, false));
    optional int64 price;
    required int32 price_scale;
    optional int64 quantity;
    required int32 quantity_scale;
    optional binary participant (string);
    optional binary counterparty (string);
    required int32 flags;
}";

/// A table that is being written.
pub(super) struct Table<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Rows,
}

/// Columns of a group.
#[derive(Default)]
struct Rows {
    count: usize,
    seq: Vec<i64>,
    event_at: Vec<i64>,
    received_at: Vec<i64>,
    subject: Vec<ByteArray>,
    venue: Vec<ByteArray>,
    kind: Vec<ByteArray>,
    side: Column<ByteArray>,
    order_id: Column<i64>,
    new_order_id: Column<i64>,
    price: Column<i64>,
    price_scale: Vec<i32>,
    quantity: Column<i64>,
    quantity_scale: Vec<i32>,
    participant: Column<ByteArray>,
    counterparty: Column<ByteArray>,
    flags: Vec<i32>,
}

/// A column in which values may be missing: those that are there, and for each row whether it has one.
struct Column<T> {
    values: Vec<T>,
    levels: Vec<i16>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { values: Vec::new(), levels: Vec::new() }
    }
}

impl<T> Column<T> {
    fn push(&mut self, value: Option<T>) {
        self.levels.push(value.is_some().into());
        self.values.extend(value);
    }
}

impl<W: Write + Send> Table<W> {
    pub(super) fn new(out: W) -> anyhow::Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("tapewatch ", env!("CARGO_PKG_VERSION")).to_string())
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
        Ok(Self { file, rows: Rows::default() })
    }

    pub(super) fn event(&mut self, event: &Event, names: &Directory) -> anyhow::Result<()> {
        self.rows.push(event, names);
        if self.rows.count == GROUP_ROWS { self.group() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        if self.rows.count > 0 {
            self.group()?;
        }
        self.file.close()?;
        Ok(())
    }

    fn group(&mut self) -> anyhow::Result<()> {
        let mut group = self.file.next_row_group()?;
        std::mem::take(&mut self.rows).write(&mut group)?;
        group.close()?;
        Ok(())
    }
}

impl Rows {
    fn push(&mut self, event: &Event, names: &Directory) {
        let text = |text: &str| ByteArray::from(text.as_bytes().to_vec());
        let who =
            |who: Option<ParticipantId>| who.and_then(|who| names.participants.name(who)).map(text);
        let definition = names.definition(event.subject);
        let scales = definition.map_or((0, 0), |of| (of.price_scale, of.quantity_scale));
        let every = event.subject == SubjectId::EVERY;
        let cells = Cells::of(event);
        self.count += 1;
        self.seq.push(event.seq.cast_signed());
        self.event_at.push(event.event_at.0.cast_signed());
        self.received_at.push(event.received_at.0.cast_signed());
        self.subject.push(text(if every { "" } else { names.name(event.subject) }));
        self.venue.push(text(names.venue(event.subject)));
        self.kind.push(text(event.kind().word()));
        self.side.push(event.side().map(|side| text(side.letter().encode_utf8(&mut [0; 4]))));
        self.order_id.push(cells.order_id.map(u64::cast_signed));
        self.new_order_id.push(cells.new_order_id.map(u64::cast_signed));
        self.price.push(cells.price);
        self.price_scale.push(scales.0.into());
        self.quantity.push(cells.quantity);
        self.quantity_scale.push(scales.1.into());
        self.participant.push(who(cells.participant));
        self.counterparty.push(who(cells.counterparty));
        self.flags.push(event.flags.0.into());
    }

    fn write<W: Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> anyhow::Result<()> {
        column::<Int64Type, W>(group, &self.seq, None)?;
        column::<Int64Type, W>(group, &self.event_at, None)?;
        column::<Int64Type, W>(group, &self.received_at, None)?;
        column::<ByteArrayType, W>(group, &self.subject, None)?;
        column::<ByteArrayType, W>(group, &self.venue, None)?;
        column::<ByteArrayType, W>(group, &self.kind, None)?;
        column::<ByteArrayType, W>(group, &self.side.values, Some(&self.side.levels))?;
        let [old, new] = [&self.order_id, &self.new_order_id];
        column::<Int64Type, W>(group, &old.values, Some(&old.levels))?;
        column::<Int64Type, W>(group, &new.values, Some(&new.levels))?;
        column::<Int64Type, W>(group, &self.price.values, Some(&self.price.levels))?;
        column::<Int32Type, W>(group, &self.price_scale, None)?;
        column::<Int64Type, W>(group, &self.quantity.values, Some(&self.quantity.levels))?;
        column::<Int32Type, W>(group, &self.quantity_scale, None)?;
        for who in [&self.participant, &self.counterparty] {
            column::<ByteArrayType, W>(group, &who.values, Some(&who.levels))?;
        }
        column::<Int32Type, W>(group, &self.flags, None)
    }
}

/// Writes the next column of a group.
fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> anyhow::Result<()> {
    let mut column = group.next_column()?.expect("the schema has as many columns");
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()?;
    Ok(())
}

/// What an event's body says in words that several kinds share.
#[derive(Default)]
struct Cells {
    /// The order's or the trade's.
    order_id: Option<u64>,
    /// A replaced order's new one.
    new_order_id: Option<u64>,
    price: Option<i64>,
    quantity: Option<i64>,
    participant: Option<ParticipantId>,
    counterparty: Option<ParticipantId>,
}

impl Cells {
    fn of(event: &Event) -> Self {
        let price = |price: MaybePrice| price.get().map(|price| price.0);
        match event.kind() {
            Kind::Add | Kind::Modify | Kind::Reduce | Kind::Delete => {
                let of: Order = event.body();
                let is_gone = event.kind() == Kind::Delete;
                Self {
                    order_id: Some(of.id.0),
                    price: price(of.price),
                    quantity: (!is_gone).then(|| of.quantity.0.cast_signed()),
                    participant: of.participant(),
                    ..Self::default()
                }
            }
            Kind::Replace => {
                let of: Replacement = event.body();
                Self {
                    order_id: Some(of.old.0),
                    new_order_id: Some(of.new.0),
                    price: Some(of.price.0),
                    quantity: Some(of.quantity.0.cast_signed()),
                    ..Self::default()
                }
            }
            Kind::Execute => {
                let of: Execution = event.body();
                Self {
                    order_id: Some(of.id.0),
                    price: price(of.price),
                    quantity: Some(of.quantity.0.cast_signed()),
                    participant: of.participant(),
                    counterparty: of.counterparty(),
                    ..Self::default()
                }
            }
            Kind::Trade | Kind::Break => {
                let of: Print = event.body();
                Self {
                    order_id: Some(of.trade_id),
                    price: price(of.price),
                    quantity: Some(of.quantity.0.cast_signed()),
                    participant: of.participant(),
                    counterparty: of.counterparty(),
                    ..Self::default()
                }
            }
            Kind::Level => {
                let of: Level = event.body();
                Self {
                    price: Some(of.price.0),
                    quantity: Some(of.quantity.0.cast_signed()),
                    ..Self::default()
                }
            }
            Kind::Position => {
                let of: Holding = event.body();
                Self {
                    price: price(of.price),
                    quantity: Some(of.quantity),
                    participant: of.participant(),
                    ..Self::default()
                }
            }
            _ => Self::default(),
        }
    }
}
