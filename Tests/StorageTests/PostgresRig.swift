extension StoreRig {
    static let postgres: [StoreRig] = []
}
