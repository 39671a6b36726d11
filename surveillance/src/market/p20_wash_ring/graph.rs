//! Who sold to whom: a graph of persons, and the rings in it.

/// A graph of so many nodes; the edges lie together by where they begin.
pub(super) struct Graph {
    /// By node: where its edges begin; and where the last one's end.
    firsts: Vec<u32>,
    edges: Vec<Edge>,
}

/// From one node to another, and how many trades it is made of.
#[derive(Clone, Copy)]
struct Edge {
    to: u32,
    trades: u32,
}

/// Leaves out whoever sells or buys less often than this, again and again until all who are left do both
/// with one another: only among these there can be a ring of so many rounds.
pub(super) fn reduce(nodes: usize, pairs: &mut Vec<(u32, u32, u32)>, rounds_min: u32) {
    let (mut sold, mut bought) = (vec![0; nodes], vec![0; nodes]);
    for (from, to, trades) in pairs.iter() {
        sold[*from as usize] += trades;
        bought[*to as usize] += trades;
    }
    loop {
        let before = pairs.len();
        pairs.retain(|(from, to, trades)| {
            let (from, to) = (*from as usize, *to as usize);
            let stays = sold[from].min(bought[from]).min(sold[to]).min(bought[to]) >= rounds_min;
            if !stays {
                sold[from] -= trades;
                bought[to] -= trades;
            }
            stays
        });
        if pairs.len() == before {
            return;
        }
    }
}

impl Graph {
    /// From pairs, each once: from, to, and how many trades there are.
    pub(super) fn of(nodes: usize, pairs: &[(u32, u32, u32)]) -> Self {
        let mut firsts = vec![0; nodes + 1];
        pairs.iter().for_each(|(from, ..)| firsts[*from as usize + 1] += 1);
        (0..nodes).for_each(|node| firsts[node + 1] += firsts[node]);
        let mut next = firsts.clone();
        let mut edges = vec![Edge { to: 0, trades: 0 }; pairs.len()];
        for (from, to, trades) in pairs {
            let place = &mut next[*from as usize];
            edges[*place as usize] = Edge { to: *to, trades: *trades };
            *place += 1;
        }
        Self { firsts, edges }
    }

    /// Whether an edge is made of so many trades.
    pub(super) fn reaches(&self, trades_min: u32) -> bool {
        self.edges.iter().any(|edge| edge.trades >= trades_min)
    }

    fn edges_from(&self, node: u32) -> std::ops::Range<u32> {
        self.firsts[node as usize]..self.firsts[node as usize + 1]
    }

    /// The strongly connected components of two nodes or more, over the edges of at least so many trades;
    /// each in order, the one with the smallest node first. After Tarjan, without recursion.
    pub(super) fn rings(&self, trades_min: u32) -> Vec<Vec<u32>> {
        let nodes = self.firsts.len() - 1;
        // By node: when it was met, from 1 on, and the earliest on the path that it leads back to.
        let (mut met, mut back) = (vec![0_u32; nodes], vec![0_u32; nodes]);
        let (mut path, mut open, mut count) = (Vec::new(), Vec::new(), 0);
        let mut rings = Vec::new();
        for root in 0..nodes as u32 {
            if met[root as usize] > 0 || self.edges_from(root).is_empty() {
                continue;
            }
            path.push((root, self.edges_from(root)));
            while let Some((node, left)) = path.last_mut() {
                let node = *node;
                let place = node as usize;
                if met[place] == 0 {
                    count += 1;
                    (met[place], back[place]) = (count, count);
                    open.push(node);
                }
                if let Some(edge) = left.next() {
                    let Edge { to, trades } = self.edges[edge as usize];
                    if trades < trades_min {
                        continue;
                    }
                    match met[to as usize] {
                        0 => path.push((to, self.edges_from(to))),
                        CLOSED => {}
                        when => back[place] = back[place].min(when),
                    }
                    continue;
                }
                path.pop();
                if let Some((before, _)) = path.last() {
                    let before = *before as usize;
                    back[before] = back[before].min(back[place]);
                }
                if back[place] == met[place] {
                    let first = open.iter().rposition(|other| *other == node).unwrap_or(0);
                    let mut ring = open.split_off(first);
                    ring.iter().for_each(|node| met[*node as usize] = CLOSED);
                    if ring.len() > 1 {
                        ring.sort_unstable();
                        rings.push(ring);
                    }
                }
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
            for edge in self.edges_from(*node) {
                let Edge { to, trades } = self.edges[edge as usize];
                if let Ok(other) = ring.binary_search(&to) {
                    traded[place].0 += trades;
                    traded[other].1 += trades;
                }
            }
        }
        traded.into_iter().map(|(sold, bought): (u32, u32)| sold.min(bought)).min().unwrap_or(0)
    }
}

/// When a node was met that belongs to a component already.
const CLOSED: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Pairs with how often each comes.
    fn counted(trades: &[(u32, u32)]) -> Vec<(u32, u32, u32)> {
        let mut pairs = BTreeMap::new();
        trades.iter().for_each(|pair| *pairs.entry(*pair).or_default() += 1);
        pairs.into_iter().map(|((from, to), trades)| (from, to, trades)).collect()
    }

    fn graph(nodes: usize, trades: &[(u32, u32)]) -> Graph {
        Graph::of(nodes, &counted(trades))
    }

    #[test]
    fn who_trades_less_often_than_a_ring_has_rounds_is_left_out() {
        let mut trades = [(0, 1), (1, 2), (2, 0)].repeat(5);
        trades.extend([(3, 0), (2, 3)].repeat(4));
        trades.extend([(4, 5)].repeat(9));
        let mut pairs = counted(&trades);
        reduce(6, &mut pairs, 5);
        assert_eq!(pairs, [(0, 1, 5), (1, 2, 5), (2, 0, 5)]);
        reduce(6, &mut pairs, 6);
        assert!(pairs.is_empty());
    }

    #[test]
    fn trades_that_are_few_do_not_join_rings() {
        let mut pairs = [(0, 1), (1, 2), (2, 0)].repeat(5);
        pairs.extend([(3, 4), (4, 3)].repeat(2));
        pairs.extend([(2, 3), (4, 0)]);
        let graph = graph(6, &pairs);
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
            prop_assert_eq!(graph(9, &pairs).rings(1), rings);
        }
    }
}
