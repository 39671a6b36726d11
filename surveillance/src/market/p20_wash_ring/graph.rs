//! Who sold to whom: a graph of persons, and the rings in it.

/// A graph of so many nodes, as its edges: from, to, and how many trades. Sorted.
pub(super) struct Graph {
    nodes: usize,
    edges: Vec<(u32, u32, u32)>,
}

impl Graph {
    /// From one pair for each trade.
    pub(super) fn of(nodes: usize, mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        let mut edges: Vec<(u32, u32, u32)> = Vec::new();
        for (from, to) in pairs {
            match edges.last_mut() {
                Some(last) if (last.0, last.1) == (from, to) => last.2 += 1,
                _ => edges.push((from, to, 1)),
            }
        }
        Self { nodes, edges }
    }

    /// The strongly connected components of two nodes or more, over the edges of at least so many trades;
    /// each in order, the one with the smallest node first.
    pub(super) fn rings(&self, trades_min: u32) -> Vec<Vec<u32>> {
        let strong = self.edges.iter().filter(|edge| edge.2 >= trades_min);
        let forth: Vec<(u32, u32)> = strong.map(|edge| (edge.0, edge.1)).collect();
        let mut back: Vec<(u32, u32)> = forth.iter().map(|(from, to)| (*to, *from)).collect();
        back.sort_unstable();
        // Kosaraju: nodes in the order in which the first walk leaves them, then the second walk against
        // the edges from the last one on.
        let mut left = Vec::with_capacity(self.nodes);
        let mut was_seen = vec![false; self.nodes];
        for node in 0..self.nodes as u32 {
            walk(&forth, node, &mut was_seen, &mut left);
        }
        was_seen.fill(false);
        let mut rings = Vec::new();
        for node in left.iter().rev() {
            let mut ring = Vec::new();
            walk(&back, *node, &mut was_seen, &mut ring);
            if ring.len() > 1 {
                ring.sort_unstable();
                rings.push(ring);
            }
        }
        rings.sort_unstable();
        rings
    }

    /// How often each of these nodes, which are in order, sold to another of them and bought from one, at
    /// least.
    pub(super) fn rounds(&self, ring: &[u32]) -> u32 {
        let mut traded = vec![(0, 0); ring.len()];
        for (place, node) in ring.iter().enumerate() {
            let first = self.edges.partition_point(|edge| edge.0 < *node);
            for (_, to, trades) in self.edges[first..].iter().take_while(|edge| edge.0 == *node) {
                if let Ok(other) = ring.binary_search(to) {
                    traded[place].0 += trades;
                    traded[other].1 += trades;
                }
            }
        }
        traded.into_iter().map(|(sold, bought): (u32, u32)| sold.min(bought)).min().unwrap_or(0)
    }
}

/// Walks from a node as deep as it goes, over edges sorted by where they begin, and notes the nodes as it
/// leaves them.
fn walk(edges: &[(u32, u32)], from: u32, was_seen: &mut [bool], left: &mut Vec<u32>) {
    if std::mem::replace(&mut was_seen[from as usize], true) {
        return;
    }
    let first_of = |node: u32| edges.partition_point(|edge| edge.0 < node);
    let mut path = vec![(from, first_of(from))];
    while let Some((node, next)) = path.last_mut() {
        match edges.get(*next).filter(|edge| edge.0 == *node) {
            Some((_, to)) => {
                *next += 1;
                if !std::mem::replace(&mut was_seen[*to as usize], true) {
                    path.push((*to, first_of(*to)));
                }
            }
            None => {
                left.push(*node);
                path.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn trades_that_are_few_do_not_join_rings() {
        let mut pairs = [(0, 1), (1, 2), (2, 0)].repeat(5);
        pairs.extend([(3, 4), (4, 3)].repeat(2));
        pairs.extend([(2, 3), (4, 0)]);
        let graph = Graph::of(6, pairs);
        assert_eq!(graph.rings(1), [vec![0, 1, 2, 3, 4]]);
        assert_eq!(graph.rings(2), [vec![0, 1, 2], vec![3, 4]]);
        assert_eq!(graph.rings(3), [vec![0, 1, 2]]);
        assert!(graph.rings(6).is_empty());
        assert_eq!([&[0, 1, 2][..], &[3, 4], &[0, 1]].map(|ring| graph.rounds(ring)), [5, 2, 0]);
    }

    proptest! {
        /// Against who reaches whom, by Warshall.
        #[test]
        fn a_ring_is_those_who_reach_one_another(
            pairs in prop::collection::vec((0..9u32, 0..9u32), 0..40)
        ) {
            let pairs: Vec<_> = pairs.into_iter().filter(|(from, to)| from != to).collect();
            let mut reaches = [[false; 9]; 9];
            pairs.iter().for_each(|(from, to)| reaches[*from as usize][*to as usize] = true);
            for over in 0..9 {
                for from in 0..9 {
                    for to in 0..9 {
                        reaches[from][to] |= reaches[from][over] && reaches[over][to];
                    }
                }
            }
            let ring_of = |one: usize| -> Vec<u32> {
                let reached = |other: &usize| reaches[one][*other] && reaches[*other][one];
                (0..9).filter(reached).map(|node| node as u32).collect()
            };
            let mut rings: Vec<_> = (0..9).map(ring_of).filter(|ring| ring.len() > 1).collect();
            rings.sort_unstable();
            rings.dedup();
            prop_assert_eq!(Graph::of(9, pairs).rings(1), rings);
        }
    }
}
