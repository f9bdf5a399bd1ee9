//! A second inflater, slow and plain, which tells how far a stream looks back. (RFC 1951)

/// What a stream holds, and the largest distance in it.
pub(crate) struct Inflated {
    pub(crate) bytes: Vec<u8>,
    pub(crate) distance_max: usize,
}

/// Inflates blocks up to the end of `input`, at which a block ends; `None` where it is not DEFLATE.
pub(crate) fn inflate(input: &[u8]) -> Option<Inflated> {
    let mut bits = Bits { input, at: 0 };
    let mut out = Inflated { bytes: Vec::new(), distance_max: 0 };
    while bits.at < input.len() * 8 {
        bits.take(1)?;
        match bits.take(2)? {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let length = bits.take(16)?;
                if bits.take(16)? != length ^ 0xFFFF {
                    return None;
                }
                for _ in 0..length {
                    out.bytes.push(bits.take(8)? as u8);
                }
            }
            1 => {
                let lengths: Vec<_> = (0..288_u16)
                    .map(|symbol| match symbol {
                        144..256 => 9,
                        256..280 => 7,
                        _ => 8,
                    })
                    .collect();
                block(&mut bits, &Code::new(&lengths), &Code::new(&[5; 30]), &mut out)?;
            }
            2 => {
                let (literals, distances) = dynamic_codes(&mut bits)?;
                block(&mut bits, &literals, &distances, &mut out)?;
            }
            _ => return None,
        }
    }
    Some(out)
}

fn block(bits: &mut Bits<'_>, literals: &Code, distances: &Code, out: &mut Inflated) -> Option<()> {
    loop {
        let symbol = literals.read(bits)?;
        let length = match symbol {
            0..256 => {
                out.bytes.push(symbol as u8);
                continue;
            }
            256 => return Some(()),
            257..265 => symbol - 254,
            265..285 => {
                let extra = (symbol - 261) / 4;
                3 + ((4 + (symbol - 265) % 4) << extra) + bits.take(extra)?
            }
            285 => 258,
            _ => return None,
        };
        let symbol = distances.read(bits)?;
        let extra = (symbol / 2).saturating_sub(1);
        let base = if symbol < 4 { symbol } else { (2 + symbol % 2) << extra };
        let distance = base + 1 + bits.take(extra)?;
        out.distance_max = out.distance_max.max(distance);
        let from = out.bytes.len().checked_sub(distance)?;
        (from..from + length).for_each(|index| out.bytes.push(out.bytes[index]));
    }
}

fn dynamic_codes(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances) = (bits.take(5)? + 257, bits.take(5)? + 1);
    let mut lengths = [0; 19];
    for index in &ORDER[..bits.take(4)? + 4] {
        lengths[*index] = bits.take(3)?;
    }
    let code = Code::new(&lengths);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (length, times) = match code.read(bits)? {
            16 => (*lengths.last()?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length, 1),
        };
        lengths.extend(std::iter::repeat_n(length, times));
    }
    Some((Code::new(&lengths[..literals]), Code::new(&lengths[literals..])))
}

struct Bits<'a> {
    input: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<usize> {
        let mut value = 0;
        for index in 0..count {
            value |= usize::from(self.input.get(self.at / 8)? >> (self.at % 8) & 1) << index;
            self.at += 1;
        }
        Some(value)
    }
}

/// A canonical code: its symbols in the order of their codes, and how many have each length.
struct Code {
    symbols: Vec<usize>,
    counts: [usize; 16],
}

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let mut counts = [0; 16];
        lengths.iter().for_each(|length| counts[*length] += 1);
        counts[0] = 0;
        let mut symbols: Vec<_> = (0..lengths.len()).filter(|symbol| lengths[*symbol] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        Self { symbols, counts }
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return self.symbols.get(index + code - first).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}
