//! A stream of bytes in rows that just fit pages of the container.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::kit::container::{Change, PAGE_SLACK, Snapshot};
use crate::engines::metrics::codec::bytes::{Reader, put_varint};
use crate::engines::metrics::sealed_index::{Fault, IndexCache, Key};

/// Bytes of a full page: what one list costs to read, so not many.
const PAGE_BYTES: usize = (8 << 10) - PAGE_SLACK - 4;

/// Writes a stream from its start.
pub(super) struct PageWriter {
    table: &'static str,
    page: Vec<u8>,
    full: u32,
}

impl PageWriter {
    /// Starts a stream in a table.
    pub(super) fn new(table: &'static str) -> Self {
        PageWriter { table, page: Vec::with_capacity(PAGE_BYTES), full: 0 }
    }

    /// Returns the place of what is put next.
    pub(super) fn place(&self) -> u64 {
        u64::from(self.full) * PAGE_BYTES as u64 + self.page.len() as u64
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// Those of the container; `Internal` when there are too many pages.
    pub(super) fn put(&mut self, change: &mut Change<'_>, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.page.len() == PAGE_BYTES {
                self.close(change)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(PAGE_BYTES - self.page.len()));
            self.page.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Appends bytes behind their length and returns their place.
    ///
    /// # Errors
    /// Those of [`PageWriter::put`].
    pub(super) fn put_list(&mut self, change: &mut Change<'_>, bytes: &[u8]) -> Result<u64> {
        let mut length = Vec::new();
        put_varint(&mut length, bytes.len() as u64);
        let place = self.place();
        self.put(change, &length)?;
        self.put(change, bytes)?;
        Ok(place)
    }

    /// Writes the last page.
    ///
    /// # Errors
    /// Those of [`PageWriter::put`].
    pub(super) fn finish(mut self, change: &mut Change<'_>) -> Result<()> {
        if self.page.is_empty() { Ok(()) } else { self.close(change) }
    }

    fn close(&mut self, change: &mut Change<'_>) -> Result<()> {
        change.put(self.table, &self.full.to_be_bytes(), &self.page)?;
        let full = || Error::internal("a day has too many pages of its index");
        self.full = self.full.checked_add(1).ok_or_else(full)?;
        self.page.clear();
        Ok(())
    }
}

/// Reads a stream, keeping the page it read last.
pub(super) struct PageReader<'a> {
    snapshot: &'a Snapshot,
    cache: &'a IndexCache,
    file: u64,
    table: &'static str,
    last: Option<(u32, Arc<Vec<u8>>)>,
}

impl<'a> PageReader<'a> {
    /// Reads a table of a file.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        cache: &'a IndexCache,
        file: u64,
        table: &'static str,
    ) -> Self {
        PageReader { snapshot, cache, file, table, last: None }
    }

    /// Shows the bytes that [`PageWriter::put_list`] put at a place.
    ///
    /// # Errors
    /// The page that is missing or damaged, or the error of `see`.
    pub(super) fn list<R>(
        &mut self,
        place: u64,
        see: impl FnOnce(&[u8]) -> Result<R>,
    ) -> std::result::Result<R, Fault> {
        let (mut number, within) = self.split(place)?;
        let page = self.page(number)?;
        let fault = |error| Fault::new(self.table, &number.to_be_bytes(), error);
        let rest = page.get(within..).unwrap_or_default();
        if let Ok(list) = Reader::new(rest).bytes() {
            return see(list).map_err(fault);
        }
        let mut bytes = rest.to_vec();
        loop {
            number = number.saturating_add(1);
            bytes.extend_from_slice(&self.page(number)?);
            if let Ok(list) = Reader::new(&bytes).bytes() {
                return see(list).map_err(|error| self.fault(number, error));
            }
        }
    }

    /// Returns `length` bytes from a place on.
    ///
    /// # Errors
    /// The page that is missing or damaged.
    pub(super) fn bytes(
        &mut self,
        place: u64,
        length: usize,
    ) -> std::result::Result<Vec<u8>, Fault> {
        let (mut number, within) = self.split(place)?;
        let mut bytes = self.page(number)?.get(within..).unwrap_or_default().to_vec();
        while bytes.len() < length {
            number = number.saturating_add(1);
            bytes.extend_from_slice(&self.page(number)?);
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    fn split(&self, place: u64) -> std::result::Result<(u32, usize), Fault> {
        let page = u32::try_from(place / PAGE_BYTES as u64);
        let page = page.map_err(|_| self.fault(u32::MAX, Error::corrupt("a place of no page")))?;
        Ok((page, (place % PAGE_BYTES as u64) as usize))
    }

    fn page(&mut self, number: u32) -> std::result::Result<Arc<Vec<u8>>, Fault> {
        if let Some((last, page)) = &self.last
            && *last == number
        {
            return Ok(Arc::clone(page));
        }
        let key = Key::Page { file: self.file, table: self.table, page: number };
        let page = self.cache.kept.get_or_read(key, || {
            let row = self.snapshot.get(self.table, &number.to_be_bytes());
            let missing = || Error::corrupt("a page is missing");
            let page = row.and_then(|row| row.ok_or_else(missing));
            let page = page.map_err(|error| self.fault(number, error))?;
            let bytes = page.len();
            Ok((page, bytes))
        })?;
        self.last = Some((number, Arc::clone(&page)));
        Ok(page)
    }

    fn fault(&self, number: u32, error: Error) -> Fault {
        Fault::new(self.table, &number.to_be_bytes(), error)
    }
}
