//! What does not belong to one transaction: balances, and the uses of coupons.

use super::books::Books;
use super::finding::Finding;

/// What is wrong with accounts and coupons, by their ids.
pub(super) fn look(books: &Books) -> Vec<(String, Finding)> {
    let mut findings = Vec::new();
    for (customer, changes) in &books.accounts {
        let mut balance = 0;
        for (change, after) in changes {
            balance += change;
            if balance != *after || balance < 0 {
                let what = format!("its balance is {after} where {balance} points should be");
                findings.push((customer.clone(), Finding::Lost(what)));
                break;
            }
        }
    }
    for (code, (redeemed, most)) in &books.uses {
        if redeemed > most {
            findings.push((code.clone(), Finding::Doubled(format!("it was redeemed {redeemed} times of {most}"))));
        }
    }
    findings
}
