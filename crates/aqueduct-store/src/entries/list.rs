//! A page of all entries.

use std::collections::BTreeMap;

use super::{Entry, Key, rows};
use crate::fault::StorageFault;
use crate::poison::share;
use crate::store::Inner;

impl Inner {
    pub(super) fn list_entries(
        &self,
        namespace: Option<&str>,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Entry)>, StorageFault> {
        // First, so that what is written meanwhile is found in both. As many as fill the page, with all that are gone before.
        let mut gathered = BTreeMap::new();
        let mut end: Option<Key> = None;
        {
            let known = share(&self.entries.known);
            let mut left = limit;
            for (key, entry) in known.gathered_after(after) {
                if namespace.is_some_and(|namespace| key.namespace() != namespace) {
                    continue;
                }
                gathered.insert(key.clone(), entry.cloned());
                left -= usize::from(entry.is_some() && left > 0);
                if left == 0 {
                    end = Some(key.clone());
                    break;
                }
            }
        }
        // As many more as may be gone.
        let read_count = limit.saturating_add(gathered.len());
        let written = self.meta.read_with(|database| rows::page(database, namespace, after, read_count))?;
        if let Some((last, _)) = written.last()
            && written.len() == read_count
        {
            end = end.into_iter().chain([last.clone()]).min();
        }
        // Behind that, not all is known.
        let mut listed: BTreeMap<Key, Option<Entry>> =
            written.into_iter().map(|(key, entry)| (key, Some(entry))).collect();
        listed.extend(gathered);
        let known = listed.into_iter().take_while(|(key, _)| end.as_ref().is_none_or(|end| key <= end));
        Ok(known.filter_map(|(key, entry)| Some((key, entry?))).take(limit).collect())
    }
}
