//! What must outlive the process: a few small records, and series of numbered ones.

/// One write to a series: a record, or `None` to remove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The series: `alerts`.
    pub series: &'static str,
    /// The record's number.
    pub number: u64,
    /// What it is to be, at most 64 KiB.
    pub record: Option<Vec<u8>>,
}

/// Where records are kept over a restart. Named ones: the reset, the boot id, the mutes; at most a dozen, all ours.
/// Numbered ones, in series whose owners bound them: alerts, the event log, history.
pub trait Memory: Send + Sync {
    /// The record, if there is one and it can be read.
    fn load(&self, key: &str) -> Option<String>;
    /// Replaces the record. A failure is logged by the implementation; the caller goes on.
    fn save(&self, key: &str, value: &str);
    /// A record of a series.
    fn read(&self, series: &str, number: u64) -> Option<Vec<u8>>;
    /// The numbers of a series, ascending.
    fn numbers(&self, series: &str) -> Vec<u64>;
    /// Writes to series, all of it or nothing. A failure is logged by the implementation; the caller goes on.
    fn write(&self, writes: Vec<Write>);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Memory, Write};
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    /// A memory as long as the test.
    #[derive(Default)]
    pub(crate) struct Notebook {
        records: Mutex<BTreeMap<String, String>>,
        series: Mutex<BTreeMap<(String, u64), Vec<u8>>>,
    }

    impl Notebook {
        /// Bytes of a series, keys left out.
        pub(crate) fn bytes(&self, series: &str) -> usize {
            let all = self.series.lock().expect("no panic");
            all.iter()
                .filter(|((name, _), _)| name == series)
                .map(|(_, record)| record.len())
                .sum()
        }
    }

    impl Memory for Notebook {
        fn load(&self, key: &str) -> Option<String> {
            self.records.lock().expect("no panic").get(key).cloned()
        }

        fn save(&self, key: &str, value: &str) {
            let mut records = self.records.lock().expect("no panic");
            records.insert(key.to_owned(), value.to_owned());
        }

        fn read(&self, series: &str, number: u64) -> Option<Vec<u8>> {
            self.series
                .lock()
                .expect("no panic")
                .get(&(series.to_owned(), number))
                .cloned()
        }

        fn numbers(&self, series: &str) -> Vec<u64> {
            let all = self.series.lock().expect("no panic");
            all.keys()
                .filter(|(name, _)| name == series)
                .map(|(_, number)| *number)
                .collect()
        }

        fn write(&self, writes: Vec<Write>) {
            let mut all = self.series.lock().expect("no panic");
            for write in writes {
                let key = (write.series.to_owned(), write.number);
                match write.record {
                    Some(record) => all.insert(key, record),
                    None => all.remove(&key),
                };
            }
        }
    }
}
