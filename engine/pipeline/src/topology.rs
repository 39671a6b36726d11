//! Which stage runs on which thread, and which thread on which core.
//!
//! The layout follows the machine. The plan is plain data with its reason in words, so that `run` can
//! print it and a test can hold it against a machine that it does not have.

use crate::Wait;
use std::fmt;
use thiserror::Error;

/// What the user asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Topology {
    /// As the machine suggests.
    #[default]
    Auto,
    /// Every stage on one thread, polled in turn.
    Fused,
    /// Threads pinned to cores of their own.
    Pinned,
}

/// What a stage is to the layout. Given in the order of the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Decodes and sequences.
    Source,
    /// Copies events for the journal. It shares the source's thread: 64 bytes that this core has just
    /// written are copied from its cache in a few nanoseconds, while another core would have to fetch
    /// them, and its core would do little else. The thread that writes to the disk is not pinned.
    Journal,
    /// Books and subject observers.
    Shard,
    /// Merges findings.
    Collector,
}

/// Threads, their cores and their stages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// `fused` or `pinned`.
    pub topology: Topology,
    /// The threads.
    pub threads: Vec<ThreadPlan>,
    /// What the stages are, in the order of the path.
    pub roles: Vec<Role>,
    /// Why it looks like this.
    pub reason: String,
}

/// One thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ThreadPlan {
    /// The core that it is pinned to.
    pub core: Option<usize>,
    /// What it does when there is nothing to do.
    pub wait: Wait,
    /// Its stages, by their place on the path.
    pub stages: Vec<usize>,
}

/// What the layout is made from.
#[derive(Clone, Debug)]
pub struct Layout<'a> {
    /// What was asked for.
    pub topology: Topology,
    /// The stages, in the order of the path.
    pub roles: &'a [Role],
    /// The cores that this process may use.
    pub cores: &'a [usize],
    /// A thread of its own for every stage.
    pub spread: bool,
    /// Even where that means more spinning threads than cores.
    pub force: bool,
    /// The input is a file that is read as fast as possible.
    pub bounded: bool,
}

/// A layout that the machine cannot carry.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PlanError {
    /// Spinning threads that take turns on a core lose milliseconds to each other.
    #[error(
        "{threads} busy-polling threads on {cores} allowed cores would collapse (milliseconds instead of \
         nanoseconds): use topology fused, fewer shards, or force to have it anyway"
    )]
    Oversubscribed {
        /// How many would spin.
        threads: usize,
        /// How many cores there are.
        cores: usize,
    },
}

/// The cores that this process may run on, which can be fewer than the machine has.
pub fn allowed_cores() -> Vec<usize> {
    core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect()
}

impl Plan {
    /// Lays the stages out.
    pub fn new(layout: &Layout<'_>) -> Result<Plan, PlanError> {
        let cores = layout.cores.len();
        let shards = layout.roles.iter().filter(|role| **role == Role::Shard).count();
        match layout.topology {
            Topology::Fused => Ok(Self::fused(layout, "asked for".into())),
            Topology::Auto if cores < 2 => Ok(Self::fused(layout, format!("{cores} allowed core"))),
            Topology::Auto if layout.bounded && shards == 1 && !layout.spread => Ok(Self::fused(
                layout,
                "a file and one shard: no second core unless asked for".into(),
            )),
            Topology::Auto => Self::pinned(layout, format!("{cores} allowed cores")),
            Topology::Pinned => Self::pinned(layout, format!("asked for, {cores} allowed cores")),
        }
    }

    fn fused(layout: &Layout<'_>, reason: String) -> Plan {
        let stages = (0..layout.roles.len()).collect();
        let wait = if layout.bounded || layout.cores.len() > 1 { Wait::Yield } else { Wait::Park };
        Plan {
            topology: Topology::Fused,
            threads: vec![ThreadPlan { core: None, wait, stages }],
            roles: layout.roles.to_vec(),
            reason,
        }
    }

    fn pinned(layout: &Layout<'_>, reason: String) -> Result<Plan, PlanError> {
        let groups = if layout.spread {
            (0..layout.roles.len()).map(|stage| vec![stage]).collect()
        } else {
            Self::group(layout)
        };
        let crowded = groups.len() > layout.cores.len();
        if crowded && !layout.force {
            return Err(PlanError::Oversubscribed {
                threads: groups.len(),
                cores: layout.cores.len(),
            });
        }
        let wait = if crowded { Wait::Yield } else { Wait::Spin };
        let cores = layout.cores.iter().copied().cycle();
        let threads = groups
            .into_iter()
            .zip(cores)
            .map(|(stages, core)| ThreadPlan { core: Some(core), wait, stages })
            .collect();
        let reason = if crowded { format!("{reason}, forced") } else { reason };
        Ok(Plan { topology: Topology::Pinned, threads, roles: layout.roles.to_vec(), reason })
    }

    /// Source (and journal) first, collector last, the shards dealt out between them. Where there are too few cores for
    /// that, the source and the collector share one, and the half of the shards that is the greater has
    /// the other: a shard is where most of the work is.
    fn group(layout: &Layout<'_>) -> Vec<Vec<usize>> {
        let place = |role| {
            layout.roles.iter().enumerate().filter(move |(_, r)| **r == role).map(|(i, _)| i)
        };
        let source: Vec<usize> = place(Role::Source).chain(place(Role::Journal)).collect();
        let shards: Vec<usize> = place(Role::Shard).collect();
        let collector: Vec<usize> = place(Role::Collector).collect();
        let free = layout.cores.len().saturating_sub(2).min(shards.len());
        if free == 0 {
            let (beside, apart) = shards.split_at(shards.len() / 2);
            return vec![[&source, beside, &collector].concat(), apart.to_vec()];
        }
        let mut groups = vec![source];
        groups.extend(
            (0..free).map(|group| shards.iter().copied().skip(group).step_by(free).collect()),
        );
        groups.push(collector);
        groups
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.topology == Topology::Pinned { "pinned" } else { "fused" };
        write!(f, "{name} ({}):", self.reason)?;
        for thread in &self.threads {
            match thread.core {
                Some(core) => write!(f, " core {core}")?,
                None => write!(f, " unpinned")?,
            }
            write!(f, " {:?} {:?}", thread.wait, thread.stages)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Role::{Collector, Journal, Shard, Source};

    fn layout<'a>(topology: Topology, roles: &'a [Role], cores: &'a [usize]) -> Layout<'a> {
        Layout { topology, roles, cores, spread: false, force: false, bounded: true }
    }

    fn stages(plan: &Plan) -> Vec<Vec<usize>> {
        plan.threads.iter().map(|thread| thread.stages.clone()).collect()
    }

    #[test]
    fn two_cores_share_the_path_in_the_middle() {
        let plan =
            Plan::new(&layout(Topology::Pinned, &[Source, Shard, Shard, Collector], &[0, 1]))
                .unwrap();
        assert_eq!(stages(&plan), [vec![0, 1, 3], vec![2]]);
        assert!(plan.threads.iter().all(|thread| thread.wait == Wait::Spin));
    }

    #[test]
    fn more_cores_part_the_shards() {
        let plan = Plan::new(&layout(
            Topology::Pinned,
            &[Source, Shard, Shard, Shard, Collector],
            &[2, 3, 4, 5],
        ))
        .unwrap();
        assert_eq!(stages(&plan), [vec![0], vec![1, 3], vec![2], vec![4]]);
        assert_eq!(plan.threads[2].core, Some(4));
    }

    #[test]
    fn a_journal_is_fed_where_the_source_is() {
        let roles = [Source, Journal, Shard, Shard, Collector];
        let grouped = |cores| stages(&Plan::new(&layout(Topology::Pinned, &roles, cores)).unwrap());
        assert_eq!(grouped(&[0, 1]), [vec![0, 1, 2, 4], vec![3]]);
        assert_eq!(grouped(&[0, 1, 2, 3]), [vec![0, 1], vec![2], vec![3], vec![4]]);
        let spread = Layout { spread: true, ..layout(Topology::Pinned, &roles, &[0, 1, 2, 3, 4]) };
        assert_eq!(stages(&Plan::new(&spread).unwrap()).len(), 5, "unless asked for");
    }

    #[test]
    fn a_file_with_one_shard_stays_on_one_thread() {
        let plan =
            Plan::new(&layout(Topology::Auto, &[Source, Shard, Collector], &[0, 1])).unwrap();
        assert_eq!((plan.topology, stages(&plan)), (Topology::Fused, vec![vec![0, 1, 2]]));
    }

    #[test]
    fn one_core_is_fused() {
        let mut one_core = layout(Topology::Auto, &[Source, Shard, Shard, Collector], &[0]);
        one_core.bounded = false;
        assert_eq!(Plan::new(&one_core).unwrap().topology, Topology::Fused);
    }

    #[test]
    fn more_spinners_than_cores_must_be_forced() {
        let roles = [Source, Shard, Shard, Collector];
        let mut spread = Layout { spread: true, ..layout(Topology::Pinned, &roles, &[0, 1]) };
        assert_eq!(Plan::new(&spread), Err(PlanError::Oversubscribed { threads: 4, cores: 2 }));
        spread.force = true;
        let forced = Plan::new(&spread).unwrap();
        assert_eq!(forced.threads.len(), 4);
        assert!(forced.threads.iter().all(|thread| thread.wait == Wait::Yield));
    }
}
