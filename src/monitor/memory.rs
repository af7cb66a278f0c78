//! What must outlive the process: a few small records.

/// Where small records are kept over a restart: the reset, the boot id, the number of the last alert. At most a dozen
/// keys, all ours.
pub trait Memory: Send + Sync {
    /// The record, if there is one and it can be read.
    fn load(&self, key: &str) -> Option<String>;
    /// Replaces the record. A failure is logged by the implementation; the caller goes on.
    fn save(&self, key: &str, value: &str);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Memory;
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    /// A memory as long as the test.
    #[derive(Default)]
    pub(crate) struct Notebook(Mutex<BTreeMap<String, String>>);

    impl Memory for Notebook {
        fn load(&self, key: &str) -> Option<String> {
            self.0.lock().expect("no panic").get(key).cloned()
        }

        fn save(&self, key: &str, value: &str) {
            self.0
                .lock()
                .expect("no panic")
                .insert(key.to_owned(), value.to_owned());
        }
    }
}
