/// Takes the body of one request as it comes, instead of having it gathered in memory.
///
/// Called on the loop's thread, which it must not block: who writes to a disk does so elsewhere,
/// and says when it has as much as it can hold.
package protocol HTTPBodyReceiver: AnyObject, Sendable {
    /// Takes the next piece.
    ///
    /// - Parameters:
    ///   - piece: What follows the pieces before.
    ///   - resume: To be called once there is room again, from any thread, if false is returned.
    /// - Returns: Whether there is room for more.
    func receive(_ piece: [UInt8], resume: @escaping @Sendable () -> Void) -> Bool

    /// The rest will not come: the client has left, was too slow, or sent more than it may.
    func abandon()
}
