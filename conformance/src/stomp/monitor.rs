//! The rules that span frames and hold on every connection, whatever a case is about.

use std::collections::HashSet;

use crate::answer::Answer;

/// Watches one network connection.
#[derive(Debug, Default)]
pub struct Monitor {
    connected: bool,
    error: bool,
    /// message-id and subscription of what was delivered: the pair names one delivery.
    delivered: HashSet<(Vec<u8>, Vec<u8>)>,
}

impl Monitor {
    /// Judges a frame that came.
    ///
    /// # Errors
    ///
    /// The rule that it breaks.
    pub fn handle_answer(&mut self, answer: &Answer) -> Result<(), String> {
        if self.error && answer.kind != "EOL" {
            return Err(format!("{} came after ERROR [STOMP12-ERROR-2]", answer.kind));
        }
        match answer.kind {
            "CONNECTED" if self.connected => return Err("a second CONNECTED came".to_owned()),
            "CONNECTED" => self.connected = true,
            "ERROR" => self.error = true,
            "EOL" => {}
            kind if !self.connected => {
                return Err(format!("{kind} came before CONNECTED [STOMP12-CONNECT-1]"));
            }
            "MESSAGE" => {
                let header = |name| answer.bytes(name).unwrap_or_default().to_vec();
                let delivery = (header("message-id"), header("subscription"));
                if answer.bytes("redelivered").is_none() && !self.delivered.insert(delivery) {
                    return Err(
                        "two deliveries of a subscription have one message-id [STOMP12-MESSAGE-3]".to_owned()
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Monitor};
    use crate::variables::Datum;

    fn frame(kind: &'static str, message_id: &str) -> Answer {
        let properties = vec![("message-id".to_owned(), Datum::Bytes(message_id.as_bytes().to_vec()))];
        Answer { kind, fields: Vec::new(), properties }
    }

    #[test]
    fn order_and_message_ids_are_watched() {
        let mut monitor = Monitor::default();
        assert!(monitor.handle_answer(&frame("RECEIPT", "")).is_err());
        monitor.handle_answer(&frame("CONNECTED", "")).unwrap();
        monitor.handle_answer(&frame("MESSAGE", "1")).unwrap();
        monitor.handle_answer(&frame("MESSAGE", "2")).unwrap();
        assert!(monitor.handle_answer(&frame("MESSAGE", "2")).is_err());
        monitor.handle_answer(&frame("ERROR", "")).unwrap();
        assert!(monitor.handle_answer(&frame("RECEIPT", "")).is_err());
        monitor.handle_answer(&frame("EOL", "")).unwrap();
    }
}
