//! Reads server-sent events as far as MCP uses them: the data of each event is one message.

/// Collects events from bytes as they come.
pub(crate) struct EventReader {
    /// The line that is not ended yet.
    line: Vec<u8>,
    /// The data lines of the event that is not ended yet.
    data: Vec<String>,
    held: usize,
    max: usize,
}

impl EventReader {
    /// Starts; an event may have at most `max` bytes.
    pub(crate) fn new(max: usize) -> Self {
        EventReader { line: Vec::new(), data: Vec::new(), held: 0, max }
    }

    /// Takes bytes and returns the data of the events that they end. Events without data, which
    /// only keep the connection open or tell where to resume, are passed over.
    ///
    /// # Errors
    /// What is wrong: an event that is too long or no text.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut messages = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    let line = String::from_utf8(line).map_err(|_| "an event is not UTF-8")?;
                    self.end_line(line.trim_end_matches('\r'), &mut messages);
                }
                _ if self.held >= self.max => {
                    return Err(format!("an event is longer than {} bytes", self.max));
                }
                _ => {
                    self.held += 1;
                    self.line.push(byte);
                }
            }
        }
        Ok(messages)
    }

    fn end_line(&mut self, line: &str, messages: &mut Vec<String>) {
        if line.is_empty() {
            let data = std::mem::take(&mut self.data).join(" ");
            self.held = 0;
            if !data.trim().is_empty() {
                messages.push(data);
            }
        } else if let Some(data) = line.strip_prefix("data:") {
            self.data.push(data.strip_prefix(' ').unwrap_or(data).to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_wherever_the_bytes_are_cut() {
        let text =
            ": ping\r\n\r\nid: 0\ndata:\n\nevent: message\ndata: {\"a\":1}\n\ndata: {\ndata: }\n\n";
        for size in [1, 3, 1_000] {
            let mut reader = EventReader::new(1_000);
            let mut found = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                found.extend(reader.push(chunk).unwrap());
            }
            assert_eq!(found, ["{\"a\":1}", "{ }"], "chunks of {size}");
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut reader = EventReader::new(10);
        assert!(reader.push(b"data: 0123456789").is_err());
        assert!(EventReader::new(10).push(b"\xff\n").is_err());
    }
}
