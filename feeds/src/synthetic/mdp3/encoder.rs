//! Messages of SBE, field by field as a schema says.

use crate::codec::sbe::schema::{Field, Form, Primitive, Schema};

/// What a field holds, by its FIX tag.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A number, or a price's mantissa.
    Number(u32, i64),
    /// A text.
    Text(u32, &'a str),
}

/// A group's FIX tag and its entries.
pub type Entries<'a> = (u32, Vec<Vec<Value<'a>>>);

/// Writes messages of a schema. Fields that are not given are null if they can be, else zero.
#[derive(Clone, Debug)]
pub struct Encoder {
    schema: Schema,
}

impl Encoder {
    /// An encoder of this schema's messages.
    pub fn new(schema: Schema) -> Self {
        Self { schema }
    }

    /// A message of a template that the schema has, behind its size in two bytes as MDP 3.0 frames it.
    pub fn message(&self, template: u16, root: &[Value<'_>], groups: &[Entries<'_>]) -> Vec<u8> {
        let message = self.schema.message(template).expect("a template that the schema has");
        let mut out = vec![0; 2];
        for number in [message.block_length, message.id, self.schema.id, self.schema.version] {
            out.extend(number.to_le_bytes());
        }
        block(&message.fields, message.block_length, root, &mut out);
        for group in &message.groups {
            let entries = groups.iter().find(|(id, _)| *id == group.id);
            let entries = entries.map_or(&[][..], |(_, entries)| entries);
            let at = out.len();
            out.resize(at + usize::from(group.dimension.size), 0);
            let (place, primitive) = group.dimension.block_length;
            put(primitive, i64::from(group.block_length), &mut out[at + usize::from(place)..]);
            let (place, primitive) = group.dimension.count;
            put(primitive, entries.len() as i64, &mut out[at + usize::from(place)..]);
            for entry in entries {
                block(&group.fields, group.block_length, entry, &mut out);
            }
        }
        let size = u16::try_from(out.len()).expect("a message fits its size");
        out[..2].copy_from_slice(&size.to_le_bytes());
        out
    }
}

/// One block of fields.
fn block(fields: &[Field], length: u16, values: &[Value<'_>], out: &mut Vec<u8>) {
    let begin = out.len();
    out.resize(begin + usize::from(length), 0);
    for field in fields {
        let place = &mut out[begin + usize::from(field.offset)..][..usize::from(field.size)];
        let value = values.iter().find(|value| match value {
            Value::Number(tag, _) | Value::Text(tag, _) => *tag == field.id,
        });
        match (field.form, value) {
            (
                Form::Number(primitive) | Form::Decimal(primitive, _),
                Some(Value::Number(_, number)),
            ) => {
                put(primitive, *number, place);
            }
            (Form::Number(primitive) | Form::Decimal(primitive, _), None) => {
                put(primitive, field.null.unwrap_or(0), place);
            }
            (Form::Text, Some(Value::Text(_, text))) => {
                let count = text.len().min(place.len());
                place[..count].copy_from_slice(&text.as_bytes()[..count]);
            }
            (_, None) => {}
            (form, Some(value)) => panic!("{} is {form:?} and cannot be {value:?}", field.name),
        }
    }
}

fn put(primitive: Primitive, number: i64, place: &mut [u8]) {
    let size = usize::from(primitive.size());
    place[..size].copy_from_slice(&number.to_le_bytes()[..size]);
}
