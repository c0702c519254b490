//! Parquet: a table column by column.

use ::parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{AsBytes, DataType, FixedLenByteArray, Int96},
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
    schema::types::ColumnDescriptor,
};
use bytes::Bytes;

use crate::{
    column::ColumnBuilder,
    error::{Error, Result, listed},
    frame::Frame,
    missing::Missing,
    options::ReadOptions,
    stream::Stream,
    table::Builder,
};

/// How many cells are read at once.
const BATCH: usize = 1 << 14;

/// Beyond it not every whole number is a number of 64 bits.
const EXACT: u128 = 1 << 53;

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Meaning {
    Truth,
    /// Whole numbers, with a sign or without.
    Whole(bool),
    /// Numbers, each of which is to be divided.
    Number(f64),
    /// Numbers of 16 bits.
    Half,
    /// Moments since 1970, in so many parts of a second.
    Moment(f64),
    Text,
    Uuid,
    /// Something that is no cell of a table.
    Other,
}

/// The table in a file, of which these are the bytes.
pub(crate) fn parse(stream: &Stream<'_>, bytes: Vec<u8>, options: &ReadOptions) -> Result<Frame> {
    let path = stream.path;
    let damaged = |error: ParquetError| Error::Damaged {
        path: path.into(),
        format: "Parquet file",
        reason: error.to_string(),
    };
    let file = SerializedFileReader::new(Bytes::from(bytes)).map_err(damaged)?;
    let missing = Missing::new(&options.missing);
    let schema = file.metadata().file_metadata().schema_descr();
    let (mut names, mut columns, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for (place, described) in schema.columns().iter().enumerate() {
        let name = described.path().parts().join(".");
        let meaning = meaning(described);
        if meaning == Meaning::Other || described.max_rep_level() > 0 {
            left_out.push(
                described
                    .path()
                    .parts()
                    .first()
                    .cloned()
                    .unwrap_or_default(),
            );
            continue;
        }
        columns.push(column(&file, place, meaning, &missing).map_err(damaged)?);
        names.push(name);
    }
    let rows = columns.first().map_or(0, ColumnBuilder::len);
    if columns.iter().any(|column| column.len() != rows) {
        return Err(damaged(ParquetError::General(
            "columns have different lengths".into(),
        )));
    }
    let mut builder = Builder::of_columns(path, missing, names, columns);
    left_out.dedup();
    if !left_out.is_empty() {
        builder.notes.push(format!(
            "columns of lists or bytes are left out: {}",
            listed(&left_out)
        ));
    }
    builder.finish(stream.described("Parquet"), false)
}

fn meaning(column: &ColumnDescriptor) -> Meaning {
    let per_second = |unit: &TimeUnit| match unit {
        TimeUnit::MILLIS => 1e3,
        TimeUnit::MICROS => 1e6,
        TimeUnit::NANOS => 1e9,
    };
    let decimal = || Meaning::Number(10_f64.powi(column.type_scale()));
    match column.logical_type_ref() {
        Some(LogicalType::Date) => return Meaning::Moment(1. / 86400.),
        Some(LogicalType::Time(time)) => return Meaning::Number(per_second(&time.unit)),
        Some(LogicalType::Timestamp(time)) => return Meaning::Moment(per_second(&time.unit)),
        Some(LogicalType::Integer(whole)) => return Meaning::Whole(whole.is_signed),
        Some(LogicalType::Decimal(_)) => return decimal(),
        Some(LogicalType::Float16) => return Meaning::Half,
        Some(LogicalType::Uuid) => return Meaning::Uuid,
        Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) => return Meaning::Text,
        _ => {}
    }
    match column.converted_type() {
        ConvertedType::DATE => Meaning::Moment(1. / 86400.),
        ConvertedType::TIMESTAMP_MILLIS => Meaning::Moment(1e3),
        ConvertedType::TIMESTAMP_MICROS => Meaning::Moment(1e6),
        ConvertedType::TIME_MILLIS => Meaning::Number(1e3),
        ConvertedType::TIME_MICROS => Meaning::Number(1e6),
        ConvertedType::DECIMAL => decimal(),
        ConvertedType::UINT_8
        | ConvertedType::UINT_16
        | ConvertedType::UINT_32
        | ConvertedType::UINT_64 => Meaning::Whole(false),
        _ => match column.physical_type() {
            Type::BOOLEAN => Meaning::Truth,
            Type::INT32 | Type::INT64 => Meaning::Whole(true),
            Type::INT96 => Meaning::Moment(1.),
            Type::FLOAT | Type::DOUBLE => Meaning::Number(1.),
            Type::BYTE_ARRAY => Meaning::Text,
            Type::FIXED_LEN_BYTE_ARRAY => Meaning::Other,
        },
    }
}

/// A column, from all groups of rows.
fn column(
    file: &SerializedFileReader<Bytes>,
    place: usize,
    meaning: Meaning,
    missing: &Missing,
) -> std::result::Result<ColumnBuilder, ParquetError> {
    let mut builder = match meaning {
        Meaning::Truth | Meaning::Text | Meaning::Uuid => ColumnBuilder::of_texts(),
        Meaning::Moment(_) => ColumnBuilder::of_numbers(true),
        // Of long identifiers, two might be the same number: the column is one of texts then.
        Meaning::Whole(_) => ColumnBuilder::new(b'.'),
        _ => ColumnBuilder::of_numbers(false),
    };
    let push = |builder: &mut ColumnBuilder, cell: Cell<'_>| match cell {
        Cell::Whole(number) if number.unsigned_abs() > EXACT => {
            builder.push(&number.to_string(), missing, 0)
        }
        Cell::Whole(number) => builder.push_number(number as f64, missing, 0),
        Cell::Missing => builder.push_missing(0),
        Cell::Number(number) => builder.push_number(number, missing, 0),
        Cell::Text(text) => builder.push(text.trim(), missing, 0),
    };
    let divided = |number: f64| match meaning {
        Meaning::Number(by) | Meaning::Moment(by) => Cell::Number(number / by),
        _ => Cell::Number(number),
    };
    let whole = |number: i64| match meaning {
        Meaning::Whole(false) => Cell::Whole(i128::from(number as u64)),
        Meaning::Whole(true) => Cell::Whole(number.into()),
        _ => divided(number as f64),
    };
    let most = file
        .metadata()
        .file_metadata()
        .schema_descr()
        .column(place)
        .max_def_level();
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group)?;
        let into = &mut builder;
        match group.get_column_reader(place)? {
            ColumnReader::BoolColumnReader(cells) => {
                each(cells, most, |cell| {
                    push(
                        into,
                        cell.map_or(Cell::Missing, |truth| {
                            Cell::Text(if *truth { "true" } else { "false" })
                        }),
                    )
                })?;
            }
            ColumnReader::Int32ColumnReader(cells) => each(cells, most, |cell| {
                let number = |number: &i32| match meaning {
                    Meaning::Whole(false) => Cell::Number(f64::from(*number as u32)),
                    _ => divided(f64::from(*number)),
                };
                push(into, cell.map_or(Cell::Missing, number));
            })?,
            ColumnReader::Int64ColumnReader(cells) => {
                each(cells, most, |cell| {
                    push(into, cell.map_or(Cell::Missing, |number| whole(*number)))
                })?;
            }
            ColumnReader::Int96ColumnReader(cells) => {
                let seconds = |moment: &Int96| Cell::Number(moment.to_micros() as f64 / 1e6);
                each(cells, most, |cell| {
                    push(into, cell.map_or(Cell::Missing, seconds))
                })?;
            }
            ColumnReader::FloatColumnReader(cells) => {
                each(cells, most, |cell| {
                    push(
                        into,
                        cell.map_or(Cell::Missing, |number| divided(shortest(*number))),
                    )
                })?;
            }
            ColumnReader::DoubleColumnReader(cells) => {
                each(cells, most, |cell| {
                    push(into, cell.map_or(Cell::Missing, |number| divided(*number)))
                })?;
            }
            ColumnReader::ByteArrayColumnReader(cells) => {
                each(cells, most, |cell| match (cell, meaning) {
                    (None, _) => push(into, Cell::Missing),
                    (Some(bytes), Meaning::Text) => {
                        push(into, Cell::Text(&String::from_utf8_lossy(bytes.as_bytes())))
                    }
                    (Some(bytes), _) => push(into, divided(big_endian(bytes.as_bytes()))),
                })?
            }
            ColumnReader::FixedLenByteArrayColumnReader(cells) => {
                each(cells, most, |cell: Option<&FixedLenByteArray>| {
                    match (cell, meaning) {
                        (None, _) => push(into, Cell::Missing),
                        (Some(bytes), Meaning::Half) => {
                            push(into, Cell::Number(half(bytes.as_bytes())))
                        }
                        (Some(bytes), Meaning::Uuid | Meaning::Text) => {
                            let text: String = bytes
                                .as_bytes()
                                .iter()
                                .map(|byte| format!("{byte:02x}"))
                                .collect();
                            push(into, Cell::Text(&text));
                        }
                        (Some(bytes), _) => push(into, divided(big_endian(bytes.as_bytes()))),
                    }
                })?
            }
        }
    }
    Ok(builder)
}

/// What a cell is.
enum Cell<'a> {
    Missing,
    Number(f64),
    Whole(i128),
    Text(&'a str),
}

/// Gives each cell of a group to `take`; it is there if its level is `most`.
fn each<T: DataType>(
    mut cells: ColumnReaderImpl<T>,
    most: i16,
    mut take: impl FnMut(Option<&T::T>),
) -> std::result::Result<(), ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    loop {
        levels.clear();
        values.clear();
        let (rows, _, _) = cells.read_records(BATCH, Some(&mut levels), None, &mut values)?;
        if rows == 0 {
            return Ok(());
        }
        if most == 0 {
            values.iter().for_each(|value| take(Some(value)));
            continue;
        }
        let mut values = values.iter();
        for level in &levels {
            take(if *level == most { values.next() } else { None });
        }
    }
}

/// The number of 64 bits that is written as one of 32 is: 0.1 for the nearest to 0.1.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::NAN)
}

/// A whole number of any length, the first byte of which has the sign.
fn big_endian(bytes: &[u8]) -> f64 {
    let negative = bytes.first().is_some_and(|first| *first >= 0x80);
    let unsigned = bytes.iter().fold(0., |sum, byte| {
        let digit = if negative { !byte } else { *byte };
        sum * 256. + f64::from(digit)
    });
    if negative { -unsigned - 1. } else { unsigned }
}

/// A number of 16 bits.
fn half(bytes: &[u8]) -> f64 {
    let Ok(bytes) = bytes.try_into().map(u16::from_le_bytes) else {
        return f64::NAN;
    };
    let (sign, exponent, fraction) = (
        bytes >> 15,
        i32::from(bytes >> 10 & 0x1f),
        f64::from(bytes & 0x3ff),
    );
    let number = match exponent {
        0 => fraction / 1024. * 2_f64.powi(-14),
        31 => f64::NAN,
        _ => (1. + fraction / 1024.) * 2_f64.powi(exponent - 15),
    };
    if sign == 1 { -number } else { number }
}
