//! Files packed with zstd: one frame after the other, with their checksums.

use std::io::{self, Read};

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// What is in the frames of a file.
pub(crate) struct Frames<R> {
    bytes: R,
    decoder: FrameDecoder,
    /// A frame is under way.
    begun: bool,
}

impl<R: Read> Frames<R> {
    pub(crate) fn new(bytes: R) -> Self {
        Self {
            bytes,
            decoder: FrameDecoder::new(),
            begun: false,
        }
    }

    /// Begins the next frame; whether there is one.
    fn next(&mut self) -> io::Result<bool> {
        loop {
            let mut first = [0];
            if self.bytes.read(&mut first)? == 0 {
                return Ok(false);
            }
            let mut bytes = first.as_slice().chain(&mut self.bytes);
            match self.decoder.init(&mut bytes) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut bytes.take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.begun {
                if !self.next()? {
                    return Ok(0);
                }
                self.begun = true;
            }
            let decoder = &mut self.decoder;
            while decoder.can_collect() == 0 && !decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                decoder
                    .decode_blocks(&mut self.bytes, one)
                    .map_err(io::Error::other)?;
            }
            let read = decoder.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            if decoder
                .get_checksum_from_data()
                .is_some_and(|sum| decoder.get_calculated_checksum() != Some(sum))
            {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "checksums differ",
                ));
            }
            self.begun = false;
        }
    }
}
