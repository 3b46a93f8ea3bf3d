//! What gateways tell each other of releases: it only grows, it comes back after a loss, and what is old
//! goes.

use redis::Commands as _;
use talon_gateway::admission::{MAX_SHARED_PEAKS, RedisEndpoint, SharedPeaks};

use super::cluster::RedisCluster;
use super::server::RedisServer;
use super::trouble::{admin, within_patience};

const KEY: &str = "talon:{0}:peaks";

/// What two gateways come to know.
async fn agree(endpoint: &RedisEndpoint) {
    let connect = || SharedPeaks::connect(endpoint).unwrap();
    let (here, there) = (connect(), connect());
    assert_eq!(here.exchange(&[], 0).await, Ok(vec![]));
    assert_eq!(here.exchange(&[(10, 2), (20, 1)], 0).await, Ok(vec![(10, 2), (20, 1)]));
    // Less is no news, more is.
    assert_eq!(there.exchange(&[(10, 1), (20, 3)], 0).await, Ok(vec![(20, 3), (10, 2)]));
    assert_eq!(here.exchange(&[(10, 2), (20, 1)], 0).await, Ok(vec![(20, 3), (10, 2)]));
    assert_eq!(there.exchange(&[], 15).await, Ok(vec![(20, 3)]));
    assert_eq!(here.exchange(&[], 0).await, Ok(vec![(20, 3)]), "what is old is gone");
}

#[test]
fn gateways_learn_from_each_other_the_most_that_anybody_saw() {
    let server = RedisServer::start();
    within_patience(agree(&RedisEndpoint::single(&server.url()).unwrap()));
    let cluster = RedisCluster::start();
    within_patience(agree(&RedisEndpoint::cluster(&cluster.urls()).unwrap()));
}

#[test]
fn a_flushed_or_lying_redis_is_told_again_and_is_believed_within_bounds() {
    let server = RedisServer::start();
    let mut admin = admin(&server);
    within_patience(async {
        let peaks = SharedPeaks::connect(&RedisEndpoint::single(&server.url()).unwrap()).unwrap();
        let own = [(10, 2)];
        peaks.exchange(&own, 0).await.unwrap();
        let () = redis::cmd("FLUSHALL").query(&mut admin).unwrap();
        assert_eq!(peaks.exchange(&own, 0).await, Ok(own.to_vec()));
        let () = admin.zadd_multiple(KEY, &[(-3.5, 11), (1e300, 12)]).unwrap();
        assert_eq!(peaks.exchange(&[], 0).await, Ok(vec![(12, 255), (10, 2), (11, 0)]));
        let () = admin.zadd(KEY, "no moment", 1).unwrap();
        assert!(peaks.exchange(&[], 0).await.is_err());
        let many: Vec<(u32, i64)> = (0..2 * MAX_SHARED_PEAKS as i64).map(|n| (1, n)).collect();
        let () = admin.del(KEY).unwrap();
        let () = admin.zadd_multiple(KEY, &many).unwrap();
        assert_eq!(peaks.exchange(&[], 0).await.map(|told| told.len()), Ok(MAX_SHARED_PEAKS));
    });
}
